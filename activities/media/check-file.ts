import { FfmpegFailed, runFfmpeg } from '../../infra/ffmpeg/ffmpeg.js'
import { failure } from '../worker/activity-failure.js'
import { frameLines } from './frame-lines.js'
import { soundRate } from './sound-filter.js'

export type ExpectedFile = { width: number; height: number; fps: number; frames: number; soundSamples: number }

type Seen = { frames: number; even: boolean; samples: number; dimensions: string; frameBytes: number }

/**
 * Decodes a finished file to its end and checks that it is what was asked for: H.264 and AAC, size, 4:2:0, every frame at its
 * time, sound as long as expected to within one frame. Fails with `bad_output`, which names what is wrong.
 */
export async function checkFile(
  path: string,
  expected: ExpectedFile,
  run: { ffmpegPath: string; signal: AbortSignal; timeoutMs: number },
): Promise<void> {
  const seen = await decode(path, run)
  const { width, height, fps, frames, soundSamples } = expected
  const wrong = [
    seen.frames !== frames && `${seen.frames} frames instead of ${frames}`,
    !seen.even && 'frames that are not evenly spaced',
    seen.dimensions !== `${width}x${height}` && `${seen.dimensions} instead of ${width}x${height}`,
    seen.frameBytes !== (width * height * 3) / 2 && 'a pixel format that is not yuv420p',
    Math.abs(seen.samples - soundSamples) > soundRate / fps &&
      `${seen.samples} samples of sound instead of ${soundSamples}`,
  ].filter((text) => text !== false)
  if (wrong.length > 0) throw failure('bad_output', `the finished file has ${wrong.join(', ')}`)
}

async function decode(
  path: string,
  run: { ffmpegPath: string; signal: AbortSignal; timeoutMs: number },
): Promise<Seen> {
  const seen: Seen = { frames: 0, even: true, samples: 0, dimensions: '', frameBytes: 0 }
  try {
    await runFfmpeg({
      ...run,
      args: [
        // Other codecs than these do not open; -xerror: what decodes with an error is an error.
        ...['-xerror', '-codec_whitelist', 'h264,aac', '-i', `file:${path}`],
        ...['-map', '0:v:0', '-map', '0:a:0', '-fps_mode', 'passthrough', '-f', 'framecrc', 'pipe:1'],
      ],
      stdout: frameLines((line) => readLine(line, seen)),
    })
  } catch (error) {
    if (!(error instanceof FfmpegFailed) || error.reason !== 'refused') throw error
    throw failure('bad_output', 'the finished file does not decode', { cause: error })
  }
  return seen
}

/** framecrc: `#dimensions 0: 640x640`, then `stream, dts, pts, duration, bytes, crc` of each decoded frame. */
function readLine(line: string, seen: Seen): void {
  const dimensions = /^#dimensions 0: (\S+)/.exec(line)
  if (dimensions?.[1]) seen.dimensions = dimensions[1]
  if (line.startsWith('#')) return
  const [stream, , pts, duration, bytes] = line.split(',').map(Number)
  if (stream === 0) {
    if (pts !== seen.frames) seen.even = false
    seen.frames++
    seen.frameBytes = bytes ?? 0
  } else if (stream === 1) {
    seen.samples += duration ?? 0
  }
}
