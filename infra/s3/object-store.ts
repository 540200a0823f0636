import type { Readable, Writable } from 'node:stream'

/** An object as it lies in the bucket. */
export type StoredObject = { key: string; bytes: number; etag: string; modifiedAt: number }

/** An upload that has neither been completed nor aborted: under way, or left by a killed process. */
export type UnfinishedUpload = { key: string; uploadId: string; startedAt: number }

/** What an upload left behind; sha256 in hex, of the bytes as they passed. */
export type Uploaded = { bytes: number; sha256: string; etag: string }

export type GetOptions = {
  /** As HTTP's Range header has it; one range. */
  range?: string
  signal?: AbortSignal
}

/** The outcome of a GET, with S3's own answer to a range. */
export type Got =
  | { kind: 'whole'; body: Readable; bytes: number; etag: string }
  | { kind: 'part'; body: Readable; bytes: number; etag: string; contentRange: string }
  | { kind: 'bad-range' }
  | { kind: 'missing' }

export type PourOptions = {
  /** As HTTP's Range header has it; one range. */
  range?: string
  /** Ends the reading at once. */
  signal: AbortSignal
  /** Called when S3's answer has begun. */
  onAnswer?: () => void
}

/** `poured`: everything was written and the sink has ended; else nothing was written. */
export type Poured = 'poured' | 'missing' | 'bad-range'

/** What an address of the public endpoint allows: one method, for so long, with these words about the file. */
export type PublicRead = { method: 'GET' | 'HEAD'; seconds: number; contentType: string; contentDisposition: string }

/** The bucket as the rest of the service sees it. Made by `connectObjectStore`; the S3 SDK is nowhere else. */
export interface ObjectStore extends AsyncDisposable {
  /** Streams a body of unknown length: parts of 8 MiB from one process-wide pool; an error or `signal` leaves nothing behind. */
  upload(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options?: { contentType?: string; signal?: AbortSignal },
  ): Promise<Uploaded>
  /** Stores a small body at once. */
  put(key: string, body: Uint8Array | string, options?: { contentType?: string }): Promise<void>
  /**
   * Stores a small body only where there is no object of this key; false if there is one. A lost answer is asked for again, so
   * false may come although the object is the one just sent: who must know compares what lies there.
   */
  create(key: string, body: Uint8Array | string, options?: { contentType?: string }): Promise<boolean>
  /** Stores a small body only in place of the object with this ETag; false if another, or none, is there. */
  replace(key: string, body: Uint8Array | string, etag: string, options?: { contentType?: string }): Promise<boolean>
  get(key: string, options?: GetOptions): Promise<Got>
  /** Writes an object, or a range of it, to whoever reads it, as fast as he does and with little memory. */
  pour(key: string, sink: Writable, options: PourOptions): Promise<Poured>
  /** A small object whole, up to `limitBytes` (1 MiB); undefined when there is none. */
  read(key: string, limitBytes?: number): Promise<Buffer | undefined>
  head(key: string): Promise<StoredObject | undefined>
  list(prefix: string): AsyncIterable<StoredObject>
  /** Removes every object under the prefix, and every unfinished upload; returns how many there were. */
  removeAll(prefix: string): Promise<number>
  /** Every upload of the bucket that is not finished. */
  unfinished(): AsyncIterable<UnfinishedUpload>
  /** Ends an unfinished upload and removes its parts; nothing for one that is finished by now. */
  abort(upload: UnfinishedUpload): Promise<void>
  /** A URL that reads one object, for a child process that has no credentials. */
  readUrl(key: string, seconds: number): Promise<string>
  /** The same for a client elsewhere; undefined where S3 has no public endpoint. */
  publicUrl(key: string, read: PublicRead): Promise<string | undefined>
  /** Resolves when the bucket answers; rejects with why not. */
  ping(): Promise<void>
}
