import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import type { S3Address } from './s3-client.js'
import { StorageAway, statusOf, storageError } from './s3-errors.js'
import { BadSettings, shown } from '../program/settings.js'
import { lineOf, StartProblem } from '../program/start-problem.js'

/** S3's error codes that say which setting is wrong; what is meant is the store at `S3_ENDPOINT`. */
const wrong: Record<string, { setting: keyof S3Address; problem: string }> = {
  InvalidAccessKeyId: { setting: 'S3_ACCESS_KEY', problem: 'it knows no such access key' },
  SignatureDoesNotMatch: { setting: 'S3_SECRET_KEY', problem: 'it refuses the secret key of S3_ACCESS_KEY' },
  AccessDenied: { setting: 'S3_BUCKET', problem: 'S3_ACCESS_KEY may not use this bucket, or not make it' },
  InvalidBucketName: { setting: 'S3_BUCKET', problem: 'it does not take this name' },
  PermanentRedirect: { setting: 'S3_REGION', problem: 'the bucket is in another region' },
  AuthorizationHeaderMalformed: { setting: 'S3_REGION', problem: 'it is in another region' },
}

/**
 * Why the bucket cannot be used, from the error that looking for it met: `BadSettings` where a setting is wrong, `StartProblem`
 * where the store is away. An error that is none of S3's is a bug, and comes back as it is.
 */
export async function s3Problem(s3: S3Client, settings: S3Address, error: unknown): Promise<unknown> {
  const found = storageError(error)
  if (found instanceof StorageAway) {
    return new StartProblem(`${named(settings, 'S3_ENDPOINT')}: S3 cannot be reached (${lineOf(found.cause)})`)
  }
  if (!(error instanceof Error && '$metadata' in error)) return error
  const { setting, problem } = wrong[await codeOf(s3, settings, error)] ?? {
    setting: 'S3_ENDPOINT',
    problem: `what answers there is not S3 (${statusOf(error) === undefined ? lineOf(error) : `HTTP status ${statusOf(error)}`})`,
  }
  const where = setting === 'S3_ENDPOINT' ? '' : `S3 at ${shown('S3_ENDPOINT', settings.S3_ENDPOINT)}: `
  return new BadSettings(`${named(settings, setting)}: ${where}${problem}`)
}

/** The answer to a HEAD has no body, and so no code: the same is asked again in a way that has one. */
async function codeOf(s3: S3Client, { S3_BUCKET }: S3Address, error: Error): Promise<string> {
  if (error.name in wrong) return error.name
  try {
    await s3.send(new ListObjectsV2Command({ Bucket: S3_BUCKET, MaxKeys: 1 }))
    return error.name
  } catch (second) {
    return second instanceof Error ? second.name : error.name
  }
}

const named = (settings: S3Address, name: keyof S3Address) => `${name}=${shown(name, settings[name])}`
