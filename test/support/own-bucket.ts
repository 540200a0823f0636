import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { S3Address } from '../../infra/s3/s3-client.js'
import { prepareBucket } from '../../infra/local/data/prepare-bucket.js'
import { readSecrets } from '../../infra/local/data/secrets.js'
import type { TestStack } from './test-stack.js'

/** Makes a bucket on the stack's MinIO that nobody else writes to, with a user limited to it, as the stack's own is to its bucket. */
export async function ownBucket(stack: TestStack, name: string): Promise<S3Address> {
  const random = randomBytes(4).toString('hex')
  const s3 = {
    ...stack.s3,
    S3_BUCKET: `${name}-${random}`,
    S3_ACCESS_KEY: `test-${random}`,
    S3_SECRET_KEY: randomBytes(20).toString('hex'),
  }
  await prepareBucket(s3, readSecrets(join(stack.dataDir, 'secrets.json')).root)
  return s3
}
