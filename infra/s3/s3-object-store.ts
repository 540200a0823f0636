import type { Writable } from 'node:stream'
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { MultipartUpload } from './multipart-upload.js'
import type {
  GetOptions,
  Got,
  ObjectStore,
  Poured,
  PourOptions,
  PublicRead,
  StoredObject,
  UnfinishedUpload,
  Uploaded,
} from './object-store.js'
import { PartPool } from './part-pool.js'
import { pourPlain } from './pour-plain.js'
import { createS3Client, type S3Address } from './s3-client.js'
import { calling, callingWithin, statusOf, storageError } from './s3-errors.js'
import { getObject, pourGot } from './s3-get.js'
import { s3Problem } from './s3-problem.js'
import { abortUpload, listUnfinished, removalBatch, removeObjects, removeUnfinished } from './s3-removal.js'

export { StorageAway } from './s3-errors.js'

const connectMs = 8_000
const pingMs = 3_000
const smallObjectBytes = 2 ** 20
const smallObjectMs = 30_000
const pourUrlSeconds = 60

/**
 * The bucket, made if it is not there. `bufferMiB` bounds the memory of all uploads together (64 by default). Addresses for
 * clients name `publicEndpoint`; nothing is ever asked of it from here.
 * Rejects with `BadSettings` or `StartProblem` within 8 s when there is no such bucket to be had; every later call rejects with
 * `StorageAway` when S3 cannot be reached or does not manage to answer.
 */
export async function connectObjectStore(
  settings: S3Address,
  options: { bufferMiB?: number; publicEndpoint?: string | undefined } = {},
): Promise<ObjectStore> {
  const s3 = createS3Client(settings)
  try {
    await callingWithin(connectMs, (signal) => ensureBucket(s3, settings.S3_BUCKET, signal))
  } catch (error) {
    const problem = await s3Problem(s3, settings, error)
    s3.destroy()
    throw problem
  }
  const { bufferMiB = 64, publicEndpoint } = options
  const signer = publicEndpoint === undefined ? undefined : createS3Client({ ...settings, S3_ENDPOINT: publicEndpoint })
  return new S3ObjectStore({ s3, signer }, settings.S3_BUCKET, new PartPool(bufferMiB))
}

async function ensureBucket(s3: S3Client, Bucket: string, abortSignal: AbortSignal): Promise<void> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket }), { abortSignal })
  } catch (error) {
    if (statusOf(error) !== 404) throw error
    await s3.send(new CreateBucketCommand({ Bucket }), { abortSignal }).catch((refused: unknown) => {
      if (statusOf(refused) !== 409) throw refused // 409: another program was faster
    })
  }
}

/** The S3 SDK behind the interface. ETags are kept as HTTP writes them, in quotes. */
class S3ObjectStore implements ObjectStore {
  readonly #s3: S3Client
  /** Signs addresses of the public endpoint, and sends nothing. */
  readonly #signer: S3Client | undefined
  readonly #bucket: string
  readonly #pool: PartPool

  constructor(clients: { s3: S3Client; signer: S3Client | undefined }, bucket: string, pool: PartPool) {
    this.#s3 = clients.s3
    this.#signer = clients.signer
    this.#bucket = bucket
    this.#pool = pool
  }

  upload(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { contentType, signal }: { contentType?: string; signal?: AbortSignal } = {},
  ): Promise<Uploaded> {
    const target = { s3: this.#s3, pool: this.#pool, bucket: this.#bucket, key, contentType }
    return new MultipartUpload(target, signal).run(body)
  }

  async put(key: string, body: Uint8Array | string, { contentType }: { contentType?: string } = {}): Promise<void> {
    await calling(this.#s3.send(new PutObjectCommand(this.#small(key, body, contentType))))
  }

  create(key: string, body: Uint8Array | string, { contentType }: { contentType?: string } = {}): Promise<boolean> {
    return this.#putIf({ ...this.#small(key, body, contentType), IfNoneMatch: '*' })
  }

  replace(
    key: string,
    body: Uint8Array | string,
    etag: string,
    { contentType }: { contentType?: string } = {},
  ): Promise<boolean> {
    return this.#putIf({ ...this.#small(key, body, contentType), IfMatch: etag })
  }

  get(key: string, options: GetOptions = {}): Promise<Got> {
    return getObject({ s3: this.#s3, bucket: this.#bucket, key }, options)
  }

  async pour(key: string, sink: Writable, { range, signal, onAnswer = () => {} }: PourOptions): Promise<Poured> {
    const url = await this.readUrl(key, pourUrlSeconds)
    if (url.startsWith('http:') && (await pourPlain({ url, range, signal, onAnswer }, sink))) return 'poured'
    const got = await this.get(key, { signal, ...(range !== undefined && { range }) })
    onAnswer()
    return pourGot(got, sink)
  }

  read(key: string, limitBytes: number = smallObjectBytes): Promise<Buffer | undefined> {
    return callingWithin(smallObjectMs, async (signal) => {
      const got = await this.get(key, { signal })
      if (got.kind !== 'whole') return undefined
      if (got.bytes > limitBytes) {
        got.body.destroy()
        throw new RangeError(`${key} has ${got.bytes} bytes; at most ${limitBytes} are read at once`)
      }
      const chunks: Uint8Array[] = await got.body.toArray()
      return Buffer.concat(chunks)
    })
  }

  async head(key: string): Promise<StoredObject | undefined> {
    try {
      const found = await this.#s3.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }))
      return storedObject(key, found.ContentLength, found)
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw storageError(error)
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const pages = paginateListObjectsV2({ client: this.#s3 }, { Bucket: this.#bucket, Prefix: prefix })
    try {
      for await (const page of pages) {
        for (const found of page.Contents ?? []) yield storedObject(found.Key ?? '', found.Size, found)
      }
    } catch (error) {
      throw storageError(error)
    }
  }

  async removeAll(prefix: string): Promise<number> {
    // Unfinished ones first: one that completes meanwhile is then seen as an object.
    let removed = await removeUnfinished(this.#s3, this.#bucket, prefix)
    let keys: string[] = []
    for await (const { key } of this.list(prefix)) {
      keys.push(key)
      removed += 1
      if (keys.length < removalBatch) continue
      await removeObjects(this.#s3, this.#bucket, keys)
      keys = []
    }
    await removeObjects(this.#s3, this.#bucket, keys)
    return removed
  }

  #small(key: string, body: Uint8Array | string, contentType: string | undefined) {
    const Body = typeof body === 'string' ? Buffer.from(body) : body
    return { Bucket: this.#bucket, Key: key, Body, ContentLength: Body.length, ContentType: contentType }
  }

  async #putIf(object: PutObjectCommandInput): Promise<boolean> {
    try {
      await this.#s3.send(new PutObjectCommand(object))
      return true
    } catch (error) {
      if (isUnmet(statusOf(error))) return false
      throw storageError(error)
    }
  }

  unfinished(): AsyncIterable<UnfinishedUpload> {
    return listUnfinished(this.#s3, this.#bucket)
  }

  abort(upload: UnfinishedUpload): Promise<void> {
    return abortUpload(this.#s3, this.#bucket, upload)
  }

  readUrl(key: string, seconds: number): Promise<string> {
    return this.#signed(this.#s3, new GetObjectCommand({ Bucket: this.#bucket, Key: key }), seconds)
  }

  async publicUrl(
    key: string,
    { method, seconds, contentType, contentDisposition }: PublicRead,
  ): Promise<string | undefined> {
    if (this.#signer === undefined) return undefined
    const read = {
      ...{ Bucket: this.#bucket, Key: key },
      ...{ ResponseContentType: contentType, ResponseContentDisposition: contentDisposition },
    }
    // A signature is for one method.
    const command = method === 'HEAD' ? new HeadObjectCommand(read) : new GetObjectCommand(read)
    return this.#signed(this.#signer, command, seconds)
  }

  #signed(by: S3Client, command: GetObjectCommand | HeadObjectCommand, expiresIn: number): Promise<string> {
    // As requests are signed: by the server's clock, which the client has learned of where ours is off.
    const signingDate = new Date(Date.now() + this.#s3.config.systemClockOffset)
    return getSignedUrl(by, command, { expiresIn, signingDate })
  }

  async ping(): Promise<void> {
    const command = new HeadBucketCommand({ Bucket: this.#bucket })
    await callingWithin(pingMs, (abortSignal) => this.#s3.send(command, { abortSignal }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#s3.destroy()
    this.#signer?.destroy()
    return Promise.resolve()
  }
}

/** Another object is there, none is, or another request for the key was under way and came first. */
function isUnmet(status: number | undefined): boolean {
  return status === 412 || status === 404 || status === 409
}

type Found = { ETag?: string | undefined; LastModified?: Date | undefined }

function storedObject(key: string, bytes: number | undefined, { ETag, LastModified }: Found): StoredObject {
  return { key, bytes: bytes ?? 0, etag: ETag ?? '', modifiedAt: LastModified?.getTime() ?? 0 }
}
