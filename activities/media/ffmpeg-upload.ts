import { PassThrough } from 'node:stream'
import { type FfmpegRun, runFfmpeg } from '../../infra/ffmpeg/ffmpeg.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { StoredFile } from '../../workflows/order.js'

export type FfmpegUpload = {
  store: Pick<ObjectStore, 'upload'>
  key: string
  contentType: string
  signal: AbortSignal
  run: Omit<FfmpegRun, 'stdout' | 'signal'>
  /** Goes around ffmpeg's output on its way to S3; what it throws ends both. */
  through?: (output: AsyncIterable<Buffer>) => AsyncIterable<Uint8Array>
}

/** Streams what ffmpeg writes to `pipe:1` into an object; the failure of either side ends the other and leaves nothing. */
export async function uploadFromFfmpeg({
  store,
  key,
  contentType,
  signal,
  run,
  through = (output) => output,
}: FfmpegUpload): Promise<StoredFile> {
  const output = new PassThrough()
  const stop = new AbortController()
  const bothSignal = AbortSignal.any([signal, stop.signal])
  const made = runFfmpeg({ ...run, stdout: output, signal: bothSignal })
  const uploaded = store.upload(key, through(untilMade(output, made)), { contentType, signal: bothSignal })
  // Whichever fails first ends the other, which then fails by that.
  made.catch((error: unknown) => output.destroy(error as Error))
  uploaded.catch((error: unknown) => stop.abort(error))
  const [upload, ffmpeg] = await Promise.allSettled([uploaded, made])
  signal.throwIfAborted()
  if (upload.status === 'rejected') throw upload.reason
  if (ffmpeg.status === 'rejected') throw ffmpeg.reason
  return { key, bytes: upload.value.bytes, sha256: upload.value.sha256 }
}

/** The output's end is one only once ffmpeg has ended well: before it fails it closes its pipe just the same. */
async function* untilMade(output: AsyncIterable<Buffer>, made: Promise<unknown>): AsyncIterable<Buffer> {
  yield* output
  await made
}
