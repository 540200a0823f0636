import { addAbortSignal, Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { GetOptions, Got, Poured } from './object-store.js'
import { statusOf, storageError } from './s3-errors.js'

export type GetSource = { s3: S3Client; bucket: string; key: string }

/** One GET, with S3's own answer to a range. Destroying the body stops the reading from S3. */
export async function getObject({ s3, bucket, key }: GetSource, { range, signal }: GetOptions): Promise<Got> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: oneRange(range) })
  try {
    const found = await s3.send(command, signal ? { abortSignal: signal } : {})
    const body = found.Body
    if (!(body instanceof Readable)) throw new TypeError('the SDK gave no stream')
    if (signal) addAbortSignal(signal, body)
    const common = { body, bytes: found.ContentLength ?? 0, etag: found.ETag ?? '' }
    return found.ContentRange === undefined
      ? { kind: 'whole', ...common }
      : { kind: 'part', ...common, contentRange: found.ContentRange }
  } catch (error) {
    const answer = answers.get(statusOf(error))
    if (answer === undefined) throw storageError(error)
    return answer
  }
}

/** Writes the body of a GET to the sink, and ends it. */
export async function pourGot(got: Got, sink: Writable): Promise<Poured> {
  switch (got.kind) {
    case 'whole':
    case 'part':
      await pipeline(got.body, sink)
      return 'poured'
    case 'missing':
    case 'bad-range':
      return got.kind
  }
}

/** Statuses that the SDK throws although they are answers. */
const answers = new Map<number | undefined, Got>([
  [404, { kind: 'missing' }],
  [416, { kind: 'bad-range' }],
])

/** A range that S3 can serve. HTTP lets a server ignore what it does not understand; several ranges are such a thing. */
function oneRange(range: string | undefined): string | undefined {
  return range !== undefined && /^bytes=(\d+-\d*|-\d+)$/.test(range) ? range : undefined
}
