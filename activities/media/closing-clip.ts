import { join } from 'node:path'
import { runFfmpeg, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import { frameLines } from './frame-lines.js'

export type ClosingClip = { path: string; frames: number }

const bt709 = 'out_color_matrix=bt709:out_range=tv'

/**
 * As the ranks encode their segments (`gaudi-runner/pipeline/pictures/segment.py`), down to the pixel shape that they leave unsaid
 * (`setsar=0`): then the clip is appended by copying.
 */
const segmentCodec = (fps: number): string[] => [
  ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '17', '-pix_fmt', 'yuv420p', '-bf', '0', '-threads', '2'],
  ...['-g', String(4 * fps), '-fflags', '+bitexact', '-flags:v', '+bitexact+cgop', ...colours],
]

/** What the ranks' segments say of their colours. */
export const colours = '-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv'.split(' ')

/** The closing clip at the video's size and rate, padded to its shape, without sound; written into `folder`. */
export async function fitClosingClip(
  source: string,
  { width, height, fps }: { width: number; height: number; fps: number },
  { folder, ...run }: { folder: string; ffmpegPath: string; signal: AbortSignal; timeoutMs: number },
): Promise<ClosingClip> {
  const path = join(folder, 'closing.mp4')
  const fit = `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2:${bt709}`
  const filter = `setpts=PTS-STARTPTS,fps=${fps},${fit},pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=0`
  await runFfmpeg({
    ...run,
    args: [
      ...safeInput(source, 'video'),
      ...['-map', '0:v:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-vf', filter],
      ...segmentCodec(fps),
      ...['-video_track_timescale', String(fps * 512), '-y', `file:${path}`],
    ],
  })
  let frames = 0
  await runFfmpeg({
    ...run,
    args: ['-i', `file:${path}`, '-map', '0:v:0', '-c', 'copy', '-f', 'framecrc', 'pipe:1'],
    stdout: frameLines((line) => {
      if (line.startsWith('0,')) frames++
    }),
  })
  return { path, frames }
}
