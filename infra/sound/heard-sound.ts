import { setImmediate as others } from 'node:timers/promises'
import { type FfmpegRun, safeInput } from '../ffmpeg/ffmpeg.js'
import { ffmpegOutput } from '../ffmpeg/ffmpeg-output.js'
import type { FileBytes } from './file-bytes.js'
import { Resampler } from './resampler.js'
import { type WavSegment, wavLayout } from './wav-layout.js'
import { cleaned, stereoOf } from './wav-samples.js'

/** A sound as everything hears it: left and right by turns, every sample a number within ±1. */
export type HeardSound = {
  rate: number
  pieces: AsyncIterable<Float32Array>
  /** How much of it, from 0 to 1, the file promises and does not hold, where that is known without decoding. */
  missingShare: number
}

export type SoundFile = {
  bytes: FileBytes
  /** What ffmpeg opens: an absolute path or a URL. Asked for only where ffmpeg is needed. */
  address: () => Promise<string> | string
}

/** What ffmpeg decodes comes at this rate, whatever changes on its way. */
const decodedRate = 48_000
/** Samples are read so many bytes at a time: some milliseconds of work. */
const blockBytes = 128 * 1024

/**
 * Decodes a file's first sound, `seconds` of it at the most. The plain kinds of WAV (integers, floats, G.711) are read here, without a
 * process; everything else by ffmpeg. Who decodes the same file later hears the same samples.
 */
export async function openSound(
  { bytes, address }: SoundFile,
  run: Omit<FfmpegRun, 'args' | 'stdout'>,
  seconds: number,
): Promise<HeardSound> {
  const layout = await wavLayout(bytes)
  if (layout?.kind === 'readable') {
    const { segments, missingShare } = layout
    const rate = segments[0]?.format.rate ?? decodedRate
    return { rate, pieces: first(seconds * rate, wavPieces(bytes, segments, rate)), missingShare }
  }
  const args = [...safeInput(await address(), 'audio'), '-t', String(seconds), ...stereoOutput]
  return { rate: decodedRate, pieces: decodedPieces({ ...run, args }), missingShare: layout?.missingShare ?? 0 }
}

// The first sound, not the best: a film's second one is a commentary. A track may start late or have gaps in its timestamps: samples
// count. `pan`, since a channel conversion would make mono sound 3 dB quieter; a channel that is not there adds nothing.
const heard = 'pan=stereo|FL=FL+FC+0.707*BL+0.707*SL+0.707*BC|FR=FR+FC+0.707*BR+0.707*SR+0.707*BC'
const stereoOutput = [
  ...['-map', '0:a:0', '-af', `asetpts=N/SR/TB,aresample=${decodedRate},${heard}`],
  ...['-f', 'f32le', 'pipe:1'],
]

async function* wavPieces(file: FileBytes, segments: WavSegment[], rate: number): AsyncGenerator<Float32Array> {
  for (const { format, start, end } of segments) {
    const sides = format.rate === rate ? undefined : ([0, 1].map(() => new Resampler(format.rate, rate)) as Pair)
    const step = Math.max(1, Math.floor(blockBytes / format.frameBytes)) * format.frameBytes
    for (let at = start; at < end; at += step) {
      const piece = stereoOf(await file.read(at, Math.min(at + step, end)), format)
      yield sides === undefined ? piece : joined(sides.map((side, i) => side.push(channel(piece, i))) as SidePair)
      await others()
    }
    if (sides !== undefined) yield joined(sides.map((side) => side.end()) as SidePair)
  }
}

type Pair = [Resampler, Resampler]
type SidePair = [Float32Array, Float32Array]

function channel(stereo: Float32Array, side: number): Float32Array {
  const samples = new Float32Array(stereo.length / 2)
  for (let i = 0; i < samples.length; i++) samples[i] = stereo[2 * i + side] as number
  return samples
}

function joined([left, right]: SidePair): Float32Array {
  const stereo = new Float32Array(left.length * 2)
  for (let i = 0; i < left.length; i++) {
    stereo[2 * i] = left[i] as number
    stereo[2 * i + 1] = right[i] as number
  }
  return stereo
}

/** Resampling overshoots where a sound was cut at full scale: cleaned like everything else. */
async function* decodedPieces(run: FfmpegRun): AsyncGenerator<Float32Array> {
  const frame = 8
  let rest: Buffer = Buffer.alloc(0)
  for await (const output of ffmpegOutput(run)) {
    const bytes = rest.length === 0 ? output : Buffer.concat([rest, output])
    const whole = bytes.length - (bytes.length % frame)
    rest = bytes.subarray(whole)
    // Copied: a view needs its bytes aligned.
    if (whole > 0) yield cleaned(new Float32Array(new Uint8Array(bytes.subarray(0, whole)).buffer))
  }
}

async function* first(frames: number, pieces: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array> {
  let left = Math.ceil(frames)
  for await (const piece of pieces) {
    yield piece.length > left * 2 ? piece.subarray(0, left * 2) : piece
    left -= piece.length / 2
    if (left <= 0) return
  }
}
