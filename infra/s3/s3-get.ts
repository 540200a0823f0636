import { addAbortSignal, Readable } from 'node:stream'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { GetOptions, Got } from './object-store.js'
import { statusOf, storageError } from './s3-errors.js'

export type GetSource = { s3: S3Client; bucket: string; key: string }

/** One GET, with S3's own answers to conditions and ranges. Destroying the body stops the reading from S3. */
export async function getObject(source: GetSource, options: GetOptions): Promise<Got> {
  const range = oneRange(options.range)
  if (range === undefined || options.ifRange === undefined) return getOnce(source, { ...options, range })
  // S3 knows no If-Range: the part if the object is still that one, or else the whole.
  if (!isStrongEtag(options.ifRange)) return getOnce(source, { ...options, range: undefined })
  const part = await getOnce(source, { ...options, range, ifMatch: options.ifRange })
  return part.kind === 'changed' ? getOnce(source, { ...options, range: undefined }) : part
}

type Conditions = Omit<GetOptions, 'range' | 'ifRange'> & { range: string | undefined }

async function getOnce(
  { s3, bucket, key }: GetSource,
  { range, ifMatch, ifNoneMatch, signal }: Conditions,
): Promise<Got> {
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    Range: range,
    IfMatch: ifMatch,
    IfNoneMatch: ifNoneMatch,
  })
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

/** Statuses that the SDK throws although they are answers. */
const answers = new Map<number | undefined, Got>([
  [304, { kind: 'unchanged' }],
  [404, { kind: 'missing' }],
  [412, { kind: 'changed' }],
  [416, { kind: 'bad-range' }],
])

/** A range that S3 can serve. HTTP lets a server ignore what it does not understand; several ranges are such a thing. */
function oneRange(range: string | undefined): string | undefined {
  return range !== undefined && /^bytes=(\d+-\d*|-\d+)$/.test(range) ? range : undefined
}

function isStrongEtag(text: string): boolean {
  return /^"[^"]*"$/.test(text)
}
