import { runFfmpeg, safeInput } from '../../../infra/ffmpeg/ffmpeg.js'
import { alphaDecoder } from '../../../infra/ffmpeg/film-filters.js'
import type { Film } from '../../../workflows/order.js'
import type { Size } from '../../../workflows/size-buckets.js'

/** A film's first frame that decodes: its size in pixels as it is displayed, the shape of one of them, and when it is shown, in seconds. */
export type FirstFrame = Size & { pixelAspect: number; start: number }

export type FrameReading = {
  ffmpegPath: string
  signal: AbortSignal
  filters: string[]
  seeThrough: Film['seeThrough']
}

const decodeMs = 60_000

/** Decodes a film's first frame, through filters, as the media worker will; undefined where it has none. Rejects with `FfmpegFailed`. */
export async function firstFrame(url: string, reading: FrameReading): Promise<FirstFrame | undefined> {
  const { ffmpegPath, signal, filters, seeThrough } = reading
  let said = ''
  await runFfmpeg({
    ffmpegPath,
    signal,
    timeoutMs: decodeMs,
    stdout: (chunk) => {
      said += chunk.toString('latin1')
    },
    args: [
      ...alphaDecoder(seeThrough),
      ...safeInput(url, 'video'),
      // V: a picture that is attached to the file is none of its frames. Decoding goes on behind what is damaged.
      ...['-max_error_rate', '1', '-map', '0:V:0', '-frames:v', '1'],
      ...(filters.length === 0 ? [] : ['-vf', filters.join(',')]),
      // Says all that is asked here of a frame, and does not give its pixels.
      ...['-fps_mode', 'passthrough', '-enc_time_base', '1:1000000', '-f', 'framecrc', 'pipe:1'],
    ],
  })
  return readFrame(said)
}

function readFrame(said: string): FirstFrame | undefined {
  const [, width, height] = /^#dimensions 0: (\d+)x(\d+)$/m.exec(said) ?? []
  const [, across, down] = /^#sar 0: (\d+)\/(\d+)$/m.exec(said) ?? []
  const [, shown] = /^0,\s*-?\d+,\s*(-?\d+),/m.exec(said) ?? []
  if (width === undefined || height === undefined || shown === undefined) return undefined
  const pixelAspect = Number(across) / Number(down) // 0/1: nobody says
  return {
    ...{ width: Number(width), height: Number(height) },
    pixelAspect: pixelAspect > 0 && Number.isFinite(pixelAspect) ? pixelAspect : 1,
    start: Number(shown) / 1e6,
  }
}

/** The size with square pixels, as boxes are drawn and as the ranks read it: nothing is made smaller, and 4:2:0 needs even sides. */
export function squareSize({ width, height, pixelAspect }: FirstFrame): Size {
  const even = (side: number): number => Math.floor(side / 2) * 2
  return { width: even(Math.max(width, width * pixelAspect)), height: even(Math.max(height, height / pixelAspect)) }
}
