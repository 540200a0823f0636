import { ffmpeg } from '../api/api-media.js'
import { type FinishedFile, inspectFile } from '../api/finished-file.js'

export type Colour = readonly [red: number, green: number, blue: number]

/** What somebody who watches and listens notices of a finished video. */
export type VideoContent = {
  file: FinishedFile
  pictureSeconds: number
  /** Root mean square of its sound, dB below full scale: of both sides, which may cancel each other out in a mix. */
  loudness: number
  /** Mean red, green and blue, from 0 to 255, in the middle of each tenth of the picture's time. */
  colours: Colour[]
}

const [width, height] = [64, 64]
const frameBytes = width * height * 3

/** Decodes a finished video to its end with ffmpeg. */
export function watch(path: string): VideoContent {
  const file = inspectFile(path)
  const frames = small(path)
  const tenths = Array.from({ length: 10 }, (_, at) => frames[Math.floor(((at + 0.5) / 10) * frames.length)])
  return {
    file,
    pictureSeconds: file.frames / file.fps,
    loudness: decibels(stereo(path)),
    colours: tenths.map((frame) => [meanOf(frame, 0), meanOf(frame, 1), meanOf(frame, 2)]),
  }
}

/** Every frame, as 64 by 64 pixels of three bytes. */
function small(path: string): Buffer[] {
  const scale = ['-vf', `scale=${width}:${height}:flags=area`, '-pix_fmt', 'rgb24']
  const raw = ffmpeg('-i', path, '-map', '0:v:0', ...scale, '-f', 'rawvideo', 'pipe:1')
  return Array.from({ length: Math.floor(raw.length / frameBytes) }, (_, at) =>
    raw.subarray(at * frameBytes, (at + 1) * frameBytes),
  )
}

function stereo(path: string): Int16Array {
  const raw = ffmpeg('-i', path, '-map', '0:a:0', '-ac', '2', '-f', 's16le', 'pipe:1')
  return new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1)
}

function meanOf(frame: Buffer = Buffer.alloc(3), channel: number): number {
  let sum = 0
  for (let at = channel; at < frame.length; at += 3) sum += frame[at] ?? 0
  return Math.round(sum / (frame.length / 3))
}

function decibels(samples: Int16Array): number {
  const power = samples.reduce((sum, sample) => sum + (sample / 32_768) ** 2, 0) / Math.max(1, samples.length)
  return Number((10 * Math.log10(Math.max(power, 1e-12))).toFixed(1))
}
