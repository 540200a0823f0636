import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
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

/**
 * Aborts the unfinished uploads of all keys with the prefix, and returns how many there were.
 *
 * All of the bucket's are listed: MinIO takes a prefix for a whole key, and there are never more than a few.
 */
export async function removeUnfinished(s3: S3Client, bucket: string, prefix: string): Promise<number> {
  const unfinished: { Key: string; UploadId: string }[] = []
  let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (next !== undefined) {
    const page: Awaited<ReturnType<typeof listPage>> = await listPage(s3, bucket, next)
    for (const { Key, UploadId } of page.Uploads ?? []) {
      if (Key?.startsWith(prefix) && UploadId !== undefined) unfinished.push({ Key, UploadId })
    }
    next = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
      : undefined
  }
  for (const upload of unfinished) {
    await s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, ...upload })).catch((error: unknown) => {
      if (statusOf(error) !== 404) throw storageError(error) // 404: completed or aborted meanwhile
    })
  }
  return unfinished.length
}

function listPage(s3: S3Client, bucket: string, after: { KeyMarker?: string; UploadIdMarker?: string }) {
  return calling(s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, ...after })))
}
