import { PassThrough } from 'node:stream'
import { type FfmpegRun, runFfmpeg } from '../infra/ffmpeg.js'
import type { ObjectStore } from '../infra/object-store.js'
import type { StoredFile } from '../workflows/order.js'

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
  through,
}: FfmpegUpload): Promise<StoredFile> {
  const output = new PassThrough()
  const stop = new AbortController()
  const bothSignal = AbortSignal.any([signal, stop.signal])
  const made = runFfmpeg({ ...run, stdout: output, signal: bothSignal }).catch((error: unknown) => {
    output.destroy(error as Error) // the upload then fails with the same error, not with half a file
    throw error
  })
  const uploaded = store
    .upload(key, through ? through(output) : output, { contentType, signal: bothSignal })
    .catch((error: unknown) => {
      stop.abort(error)
      throw error
    })
  const [ffmpeg, upload] = await Promise.allSettled([made, uploaded])
  signal.throwIfAborted()
  // The upload's error first: where it failed by itself, ffmpeg was only stopped; where ffmpeg failed, it has the same.
  if (upload.status === 'rejected') throw upload.reason
  if (ffmpeg.status === 'rejected') throw ffmpeg.reason
  return { key, bytes: upload.value.bytes, sha256: upload.value.sha256 }
}
