import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { replaceFile } from '../../files/replace-file.js'
import { BadSettings } from '../../program/settings.js'

/** For MinIO itself, its console, and the set-up of the bucket's user. No other program is given them. */
export type RootKeys = { MINIO_ROOT_USER: string; MINIO_ROOT_PASSWORD: string }

/** Of the user that can do nothing but read and write the bucket's objects: what the programs are given. */
export type BucketKeys = { S3_ACCESS_KEY: string; S3_SECRET_KEY: string }

const key = z.string().min(1)
const bucketKeys = { S3_ACCESS_KEY: key, S3_SECRET_KEY: key }
const format = 2
const secretsFile = z.object({
  format: z.literal(format),
  ...{ MINIO_ROOT_USER: key, MINIO_ROOT_PASSWORD: key },
  ...bucketKeys,
})
/** Of the time when there was one user: the keys are the root's. */
const firstFormat = z.strictObject(bucketKeys)

/**
 * The keys of the local MinIO, in a file that the owner alone reads. They are made once; a file that has only the root's gains
 * the bucket user's, and the root's stay as they are.
 */
export function readSecrets(path: string): { root: RootKeys; bucket: BucketKeys } {
  const known = existsSync(path) ? parse(path) : { root: freshRoot() }
  if (known.bucket) return { root: known.root, bucket: known.bucket }
  const bucket = { S3_ACCESS_KEY: freshUser(), S3_SECRET_KEY: freshKey() }
  replaceFile(path, `${JSON.stringify({ format, ...known.root, ...bucket }, null, 2)}\n`)
  return { root: known.root, bucket }
}

function parse(path: string): { root: RootKeys; bucket?: BucketKeys } {
  const content = readJson(path)
  const current = secretsFile.safeParse(content).data
  if (current) {
    const { MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, S3_ACCESS_KEY, S3_SECRET_KEY } = current
    return { root: { MINIO_ROOT_USER, MINIO_ROOT_PASSWORD }, bucket: { S3_ACCESS_KEY, S3_SECRET_KEY } }
  }
  const first = firstFormat.safeParse(content).data
  if (first) return { root: { MINIO_ROOT_USER: first.S3_ACCESS_KEY, MINIO_ROOT_PASSWORD: first.S3_SECRET_KEY } }
  throw new BadSettings(`${path} does not have MinIO's keys in a format up to ${format}: restore it from a backup`)
}

/** Undefined for what is not JSON. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function freshRoot(): RootKeys {
  return { MINIO_ROOT_USER: freshUser(), MINIO_ROOT_PASSWORD: freshKey() }
}

const freshUser = () => `t2v${randomBytes(8).toString('hex')}`
const freshKey = () => randomBytes(20).toString('hex')
