import { analysisRate, type Order } from './order.js'
import type { AudioType } from './parameters.js'

/** Frames of a full chunk, and how many of the last chunk's frames the next one starts from. */
const chunkFrames = 81
export const motionFrames = 9

/** The model runs at the asked rate from 23 to 30 frames per second; others are converted when the file is assembled. */
export function renderFps(fps: number): number {
  return fps >= 23 && fps <= 30 ? fps : 25
}

/** Samples of the whole sound at 16 kHz: voices one after the other, or the longest of them. */
export function soundSamples(voiceSamples: number[], mode: AudioType): number {
  return mode === 'add' ? voiceSamples.reduce((sum, n) => sum + n, 0) : Math.max(...voiceSamples)
}

/** Whole frames that fit in so many samples at 16 kHz; at least one. */
export function framesOf(samples: number, fps: number): number {
  return Math.max(1, Math.floor((samples * fps) / analysisRate))
}

/** What is rendered for a number of frames: chunks, all but the first overlapping by the motion frames; the last may be shorter. */
export type ChunkPlan = { chunks: number; framesPerChunk: number; lastFrames: number }

/** What the last of several chunks may be cut down to: few, for every length is compiled anew on an accelerator. */
const lastLengths = [41, 57]

/**
 * Audio that fits one chunk gets one of the smallest 4n + 1 frames that hold it (at least 5: one second latent);
 * longer audio 1 + ceil((L − 81) / 72) chunks, as the published loop plans them, the last of them cut to
 * what holds the rest. The ranks plan the same (`gaudi-runner/pipeline/plan.py`).
 */
export function chunkPlan(frames: number): ChunkPlan {
  if (frames <= chunkFrames) {
    const only = Math.max(5, 4 * Math.ceil((frames - 1) / 4) + 1)
    return { chunks: 1, framesPerChunk: only, lastFrames: only }
  }
  const stride = chunkFrames - motionFrames
  const chunks = 1 + Math.ceil((frames - chunkFrames) / stride)
  const left = frames - (chunks - 1) * stride
  const lastFrames = lastLengths.find((length) => length >= left) ?? chunkFrames
  return { chunks, framesPerChunk: chunkFrames, lastFrames }
}

/** Samples of an order's whole sound at 16 kHz. */
export function orderSamples({ voices, parameters }: Pick<Order, 'voices' | 'parameters'>): number {
  return soundSamples(
    voices.map((voice) => voice.samples),
    parameters.audio_type,
  )
}

/** Frames that the render of an order yields, at `renderFps` of its rate. */
export function orderFrames(order: Pick<Order, 'voices' | 'parameters'>): number {
  return framesOf(orderSamples(order), renderFps(order.parameters.fps))
}
