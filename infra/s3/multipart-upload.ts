import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { Uploaded } from './object-store.js'
import { partBytes, type PartPool } from './part-pool.js'
import { calling, statusOf, storageError } from './s3-errors.js'
import { untilAborted } from '../program/until-aborted.js'

export type UploadTarget = {
  s3: S3Client
  pool: PartPool
  bucket: string
  key: string
  contentType: string | undefined
}

/** A part that is being filled, or under way. */
type UploadPart = { buffer: Buffer; length: number }

const abortRounds = 3

/**
 * One upload of a body of unknown length.
 *
 * One part is filled while the one before is under way, so a fast sender has two buffers and a slow one a
 * single one. Against MinIO that is as fast as sending ready-made parts one by one, and 1 GiB costs 30 MiB of memory
 * (measured); the SHA-256 is most of its CPU time. A body of one part or less is stored by a single PutObject.
 *
 * Not `@aws-sdk/lib-storage`, whose `Upload` has buffers of its own: 16 uploads at once took 391 MiB (405 with one part each) where
 * this takes 114 with a pool of 64. An abort leaves its body open, and a lost answer to the last request is not looked after.
 */
export class MultipartUpload {
  readonly #target: UploadTarget
  readonly #failed = new AbortController()
  /** Aborted, with the reason, by the caller or by a part that failed. */
  readonly #signal: AbortSignal
  readonly #sha256 = createHash('sha256')
  readonly #arrived: CompletedPart[] = []
  #bytes = 0
  #filling: UploadPart | undefined
  #underWay: Promise<void> | undefined
  #uploadId: string | undefined

  constructor(target: UploadTarget, signal?: AbortSignal) {
    this.#target = target
    this.#signal = signal ? AbortSignal.any([signal, this.#failed.signal]) : this.#failed.signal
  }

  /**
   * Stores the body, or rejects and leaves nothing behind. An abort counts until the last byte is read: from then on
   * S3 decides. Only if S3 never answers that last request does nobody know whether the object is there.
   */
  async run(body: AsyncIterable<Uint8Array>): Promise<Uploaded> {
    try {
      for await (const bytes of untilAborted(body, this.#signal)) await this.#add(bytes)
      const etag = this.#uploadId === undefined ? await this.#putWhole() : await this.#complete(this.#uploadId)
      return { bytes: this.#bytes, sha256: this.#sha256.digest('hex'), etag }
    } catch (error) {
      const cause: unknown = this.#signal.aborted ? this.#signal.reason : error
      await this.#cleanUp(cause)
      throw cause
    } finally {
      this.#release(this.#filling)
    }
  }

  async #add(bytes: Uint8Array): Promise<void> {
    this.#sha256.update(bytes)
    this.#bytes += bytes.length
    let at = 0
    while (at < bytes.length) {
      // Only now that more has come is a full part known not to be the whole body.
      if (this.#filling?.length === partBytes) await this.#send(this.#filling)
      this.#filling ??= { buffer: await this.#target.pool.take(this.#signal), length: 0 }
      const part = this.#filling
      const taken = Math.min(bytes.length - at, partBytes - part.length)
      part.buffer.set(bytes.subarray(at, at + taken), part.length)
      part.length += taken
      at += taken
    }
  }

  /** Starts sending a part, once the one before has arrived. */
  async #send(part: UploadPart): Promise<void> {
    this.#uploadId ??= await this.#create()
    await this.#underWay
    this.#filling = undefined
    this.#underWay = this.#sendPart(this.#uploadId, part)
    this.#underWay.catch((error: unknown) => this.#failed.abort(error)) // a wait for the sender ends at once
  }

  async #sendPart(UploadId: string, part: UploadPart): Promise<void> {
    const { s3, bucket: Bucket, key: Key } = this.#target
    const PartNumber = this.#arrived.length + 1
    const Body = part.buffer.subarray(0, part.length)
    const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body })
    try {
      const { ETag } = await calling(s3.send(command, { abortSignal: this.#signal }))
      this.#arrived.push({ PartNumber, ETag })
    } finally {
      this.#release(part)
    }
  }

  async #putWhole(): Promise<string> {
    this.#signal.throwIfAborted()
    const { s3, bucket: Bucket, key: Key, contentType: ContentType } = this.#target
    const Body = this.#filling ? this.#filling.buffer.subarray(0, this.#filling.length) : Buffer.alloc(0)
    const command = new PutObjectCommand({ Bucket, Key, ContentType, Body, ContentLength: Body.length })
    return (await calling(s3.send(command))).ETag ?? ''
  }

  /** Never cut off by an abort: an upload whose id is not known cannot be removed. */
  async #create(): Promise<string> {
    const { s3, bucket: Bucket, key: Key, contentType: ContentType } = this.#target
    const { UploadId } = await calling(s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ContentType })))
    if (UploadId === undefined) throw new Error('S3 began an upload without an id')
    return UploadId
  }

  async #complete(UploadId: string): Promise<string> {
    if (this.#filling) await this.#send(this.#filling)
    await this.#underWay
    this.#signal.throwIfAborted()
    const { s3, bucket: Bucket, key: Key } = this.#target
    const MultipartUpload = { Parts: this.#arrived }
    try {
      const { ETag } = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }))
      return ETag ?? ''
    } catch (error) {
      // A second attempt, after the answer to the first was lost, finds no upload any more: look for what it made.
      const etag = statusOf(error) === 404 ? await this.#completedEtag() : undefined
      if (etag !== undefined) return etag
      throw storageError(error)
    }
  }

  async #completedEtag(): Promise<string | undefined> {
    const { s3, bucket: Bucket, key: Key } = this.#target
    const { ETag, ContentLength } = await calling(s3.send(new HeadObjectCommand({ Bucket, Key })))
    const isOurs = ContentLength === this.#bytes && ETag === multipartEtag(this.#arrived)
    return isOurs ? ETag : undefined
  }

  async #cleanUp(cause: unknown): Promise<void> {
    this.#failed.abort(cause)
    await this.#underWay?.catch(() => {}) // its buffer comes back, and no part arrives after the removal
    if (this.#uploadId === undefined) return
    const { s3, bucket: Bucket, key: Key } = this.#target
    const command = { Bucket, Key, UploadId: this.#uploadId }
    for (let round = 1; round <= abortRounds; round += 1) {
      try {
        await s3.send(new AbortMultipartUploadCommand(command))
        return
      } catch (error) {
        if (statusOf(error) === 404) return
        // After the last round it stays until `removeAll` or S3's own clean-up; the caller must hear of the first error.
        if (round < abortRounds) await sleep(500 * round)
      }
    }
  }

  #release(part: UploadPart | undefined): void {
    if (part !== undefined) this.#target.pool.give(part.buffer)
  }
}

/** The ETag that S3 gives to parts put together: the MD5 of their MD5s, and how many there were. */
function multipartEtag(parts: CompletedPart[]): string {
  const md5 = createHash('md5')
  for (const { ETag } of parts) md5.update(Buffer.from((ETag ?? '').replaceAll('"', ''), 'hex'))
  return `"${md5.digest('hex')}-${parts.length}"`
}
