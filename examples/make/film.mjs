/** Raw RGB frames in, an H.264 file out. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** The ffmpeg to use: `FFMPEG_PATH`, or the one on the PATH. */
export const ffmpeg = process.env.FFMPEG_PATH ?? 'ffmpeg'

/** Encodes `frames` (an async iterable of RGB24 buffers) to `file`; rejects when ffmpeg refuses. */
export async function encode(file, { width, height, fps, crf }, frames) {
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', `${fps}`, '-i', 'pipe:0']
  const output = ['-an', '-c:v', 'libx264', '-preset', 'slow', '-crf', `${crf}`, '-pix_fmt', 'yuv420p']
  const colours = [
    '-vf',
    'scale=out_color_matrix=bt709:out_range=tv',
    '-colorspace',
    'bt709',
    '-color_primaries',
    'bt709',
    '-color_trc',
    'bt709',
  ]
  const child = spawn(ffmpeg, ['-v', 'error', '-y', ...input, ...colours, ...output, '-movflags', '+faststart', file], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  const exit = once(child, 'exit')
  for await (const frame of frames) if (!child.stdin.write(frame)) await once(child.stdin, 'drain')
  child.stdin.end()
  const [code] = await exit
  if (code !== 0) throw new Error(`ffmpeg ended with ${code} while writing ${file}`)
  console.log(`wrote ${file}`)
}
