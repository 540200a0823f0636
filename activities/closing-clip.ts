import { join } from 'node:path'
import { runFfmpeg, safeInput } from '../infra/ffmpeg.js'
import { frameLines } from './frame-lines.js'

export type ClosingClip = { path: string; frames: number }

/** The closing clip at the video's size and rate, padded to its shape, without sound; written into `folder`. */
export async function fitClosingClip(
  source: string,
  { width, height, fps }: { width: number; height: number; fps: number },
  { folder, ...run }: { folder: string; ffmpegPath: string; signal: AbortSignal; timeoutMs: number },
): Promise<ClosingClip> {
  const path = join(folder, 'closing.mp4')
  const fit = `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2`
  const filter = `setpts=PTS-STARTPTS,fps=${fps},${fit},pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=1`
  await runFfmpeg({
    ...run,
    args: [
      ...safeInput(source, 'video'),
      ...['-map', '0:v:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-vf', filter],
      ...['-c:v', 'libx264', '-preset', 'fast', '-crf', '14', '-bf', '0', '-pix_fmt', 'yuv420p'],
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
