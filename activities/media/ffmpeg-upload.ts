import type { FfmpegRun } from '../../infra/ffmpeg/ffmpeg.js'
import { ffmpegOutput } from '../../infra/ffmpeg/ffmpeg-output.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { StoredFile } from '../../workflows/order.js'

export type FfmpegUpload = {
  store: Pick<ObjectStore, 'upload'>
  key: string
  contentType: string
  signal: AbortSignal
  run: Omit<FfmpegRun, 'stdout' | 'signal'>
}

/** Streams what ffmpeg writes to `pipe:1` into an object; the failure of either side ends the other and leaves nothing. */
export async function uploadFromFfmpeg({ store, key, contentType, signal, run }: FfmpegUpload): Promise<StoredFile> {
  const { bytes, sha256 } = await store.upload(key, ffmpegOutput({ ...run, signal }), { contentType, signal })
  return { key, bytes, sha256 }
}
