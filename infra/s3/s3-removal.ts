import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { UnfinishedUpload } from './object-store.js'
import { calling, statusOf, storageError } from './s3-errors.js'

/** As many as S3 takes in one request. */
export const removalBatch = 1000

export async function removeObjects(s3: S3Client, bucket: string, keys: string[]): Promise<void> {
  if (keys.length === 0) return
  const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true }
  const { Errors = [] } = await calling(s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete })))
  const [first] = Errors
  if (first) throw new Error(`${Errors.length} objects were not removed, ${first.Key} among them: ${first.Message}`)
}

/** Aborts the unfinished uploads of all keys with the prefix, and returns how many there were. */
export async function removeUnfinished(s3: S3Client, bucket: string, prefix: string): Promise<number> {
  const found: UnfinishedUpload[] = []
  for await (const upload of listUnfinished(s3, bucket)) if (upload.key.startsWith(prefix)) found.push(upload)
  for (const upload of found) await abortUpload(s3, bucket, upload)
  return found.length
}

/** All of the bucket's: MinIO takes a prefix for a whole key, and there are never more than a few. */
export async function* listUnfinished(s3: S3Client, bucket: string): AsyncIterable<UnfinishedUpload> {
  let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (next !== undefined) {
    const page: Awaited<ReturnType<typeof listPage>> = await listPage(s3, bucket, next)
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined) continue
      // One that does not say when it began is taken for new.
      yield { key: Key, uploadId: UploadId, startedAt: Initiated?.getTime() ?? Date.now() }
    }
    next = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
      : undefined
  }
}

export async function abortUpload(s3: S3Client, bucket: string, { key, uploadId }: UnfinishedUpload): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId })
  await s3.send(command).catch((error: unknown) => {
    if (statusOf(error) !== 404) throw storageError(error) // 404: completed or aborted meanwhile
  })
}

function listPage(s3: S3Client, bucket: string, after: { KeyMarker?: string; UploadIdMarker?: string }) {
  return calling(s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, ...after })))
}
