import { setTimeout as sleep } from 'node:timers/promises'
import { strToU8, zipSync } from 'fflate'
import type { S3Address } from '../../s3/s3-client.js'
import { connectObjectStore } from '../../s3/s3-object-store.js'
import { minioAdminCall } from './minio-admin-call.js'
import type { RootKeys } from './secrets.js'

const startingMs = 30_000

/**
 * Makes the bucket, and the MinIO user whose keys are in `s3`, limited to it. A user that is there already is given these keys
 * and this policy, so that both follow the settings.
 *
 * By `import-iam`, which takes a zip of three files. MinIO's calls for single users want a body encrypted with the root's key in
 * a format of their own; over loopback that would keep nothing from anybody.
 */
export async function prepareBucket(s3: S3Address, root: RootKeys): Promise<void> {
  const asRoot = { ...s3, S3_ACCESS_KEY: root.MINIO_ROOT_USER, S3_SECRET_KEY: root.MINIO_ROOT_PASSWORD }
  await using _made = await connectObjectStore(asRoot)
  const user = s3.S3_ACCESS_KEY
  const body = zipSync({
    'iam-assets/policies.json': json({ [user]: policyOf(s3.S3_BUCKET) }),
    'iam-assets/users.json': json({ [user]: { secretKey: s3.S3_SECRET_KEY, status: 'enabled' } }),
    'iam-assets/user_mappings.json': json({ [user]: { version: 1, policy: user } }),
  })
  for (const deadline = Date.now() + startingMs; ; await sleep(100)) {
    const { status, text } = await minioAdminCall(asRoot, { method: 'PUT', path: 'import-iam', body })
    if (status === 200) return
    // It serves the bucket to its root a little before it can take users.
    if (status !== 503 || Date.now() > deadline) {
      throw new Error(`MinIO does not take the bucket's user: ${status} ${text.slice(0, 300)}`)
    }
  }
}

/** What the programs do with the bucket and its objects, and nothing else. */
function policyOf(bucket: string): object {
  const ofBucket = ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads']
  const ofObjects = [
    ...['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
    ...['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
  ]
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ofBucket, Resource: [`arn:aws:s3:::${bucket}`] },
      { Effect: 'Allow', Action: ofObjects, Resource: [`arn:aws:s3:::${bucket}/*`] },
      // Otherwise MinIO lets each user make further keys for itself, and change its own.
      { Effect: 'Deny', Action: ['admin:*'] },
    ],
  }
}

function json(value: object): Uint8Array {
  return strToU8(JSON.stringify(value))
}
