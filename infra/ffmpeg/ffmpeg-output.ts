import { PassThrough } from 'node:stream'
import { type FfmpegRun, runFfmpeg } from './ffmpeg.js'

/**
 * What ffmpeg writes to `pipe:1`, as it comes. It ends well only once ffmpeg has ended well (before it fails it closes its pipe
 * just the same), and throws what `runFfmpeg` rejects with. Who stops reading ends ffmpeg.
 */
export async function* ffmpegOutput(run: Omit<FfmpegRun, 'stdout'>): AsyncGenerator<Buffer> {
  const output = new PassThrough()
  const left = new AbortController()
  const signal = run.signal ? AbortSignal.any([run.signal, left.signal]) : left.signal
  const made = runFfmpeg({ ...run, stdout: output, signal })
  made.catch((error: unknown) => output.destroy(error as Error))
  try {
    yield* output
    await made
  } finally {
    left.abort()
    await made.catch(() => {})
  }
}
