import { FfmpegFailed, rawMono, runFfmpeg, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import { analysisRate } from '../../workflows/order.js'
import { declaredSeconds, oggIsCutOff } from './container-facts.js'
import type { MediaChecking } from './media-checking.js'
import { Problem, unavailable } from '../http/problems.js'
import type { StoredInput } from '../intake/store-input.js'

export const shortestVoiceSeconds = 0.4
/** A voice whose loudest sample stays below −60 dBFS is silence: 32,768 × 10^(−60 / 20). */
const silentPeak = 33
const decodeMs = 120_000
const readUrlSeconds = 600

/**
 * Decodes a voice to its end, as the renderer will hear it (16 kHz, mono), and returns how many samples there are.
 * A voice that is broken, cut off, silent, too short or too long is a Problem of `audio`.
 */
export async function voiceSamples(voice: StoredInput, checking: MediaChecking, signal: AbortSignal): Promise<number> {
  const { samples, peak } = await decode(voice, checking, signal)
  const seconds = samples / analysisRate
  if (samples === 0) throw refused('holds no sound')
  // Checked first: whoever sent half a file should hear that, not that it is short.
  if (await isCutOff(voice, seconds, checking, signal)) throw refused('is cut off: it ends before its own end')
  if (seconds < shortestVoiceSeconds) {
    throw refused(`is ${seconds.toFixed(2)} s long; the least is ${shortestVoiceSeconds} s`)
  }
  if (seconds > checking.maxSeconds) throw refused(`is longer than ${checking.maxSeconds} s`)
  if (peak < silentPeak) throw refused('is silent: its loudest sample stays below -60 dBFS')
  return samples
}

async function decode(
  voice: StoredInput,
  { store, ffmpegPath, maxSeconds }: MediaChecking,
  signal: AbortSignal,
): Promise<{ samples: number; peak: number }> {
  const url = await store.readUrl(voice.key, readUrlSeconds)
  const meter = new PcmMeter()
  // A WAV that was written to a pipe cannot know its length and declares the greatest: reading past its end is no error then.
  const strict = isPipedWav(voice.head) ? [] : ['-xerror']
  const output = ['-t', String(maxSeconds + 1), ...rawMono(analysisRate)]
  try {
    await runFfmpeg({
      ffmpegPath,
      args: [...strict, ...safeInput(url, 'audio'), ...output],
      signal,
      timeoutMs: decodeMs,
      stdout: (chunk) => meter.add(chunk),
    })
  } catch (error) {
    throw mediaProblem(error, signal, () => refused('cannot be decoded to its end: it is broken or cut off', error))
  }
  return meter
}

/** What a failed ffmpeg means for the request that it ran for. */
export function mediaProblem(error: unknown, signal: AbortSignal, refusal: () => Problem): unknown {
  signal.throwIfAborted()
  if (!(error instanceof FfmpegFailed)) return error
  switch (error.reason) {
    case 'refused':
    case 'timeout': // no honest file of these sizes takes so long
      return refusal()
    case 'aborted':
    case 'interrupted':
      return unavailable('the object store', error)
  }
}

async function isCutOff(
  voice: StoredInput,
  seconds: number,
  { store, maxSeconds }: MediaChecking,
  signal: AbortSignal,
): Promise<boolean> {
  if (voice.extension === 'ogg') return oggIsCutOff(store, voice, signal)
  if (seconds >= maxSeconds || isPipedWav(voice.head)) return false
  const declared = await declaredSeconds(store, voice, signal)
  // MP3 counts its encoder's padding, AAC may or may not: some tenths of a second are no loss.
  return declared !== undefined && declared - seconds > 0.25 + declared * 0.01
}

function isPipedWav(head: Buffer): boolean {
  return head.length >= 8 && head.toString('latin1', 0, 4) === 'RIFF' && head.readUInt32LE(4) === 0xffffffff
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the sound in 'audio' ${what}`, { param: 'audio', cause })
}

/** Counts 16-bit samples as they pass and remembers the loudest. */
class PcmMeter {
  samples = 0
  peak = 0
  /** The first half of a sample that a chunk border cut in two. */
  #half: Buffer = Buffer.alloc(0)

  add(chunk: Buffer): void {
    const bytes = this.#half.length === 0 ? chunk : Buffer.concat([this.#half, chunk])
    const even = bytes.length - (bytes.length % 2)
    for (let at = 0; at < even; at += 2) {
      const level = Math.abs(bytes.readInt16LE(at))
      if (level > this.peak) this.peak = level
    }
    this.samples += even / 2
    this.#half = bytes.subarray(even)
  }
}
