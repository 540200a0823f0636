import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, type Writable } from 'node:stream'
import type {
  GetOptions,
  Got,
  ObjectStore,
  Poured,
  PourOptions,
  StoredObject,
  UnfinishedUpload,
  Uploaded,
} from '../../../infra/s3/object-store.js'
import { pourGot } from '../../../infra/s3/s3-get.js'

/** A bucket in memory that behaves as S3 does, with switches for the ways in which S3 fails. */
export class MemoryObjectStore implements ObjectStore {
  readonly objects = new Map<string, Buffer>()
  /** When objects were stored, where a test says so; others are as old as can be. */
  readonly modifiedAt = new Map<string, number>()
  /** What a killed process left. */
  readonly left: UnfinishedUpload[] = []
  /** Uploads that began and have neither ended nor failed. */
  uploading = 0
  fail: 'never' | 'uploads' | 'puts' | 'stall' = 'never'
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<MemoryObjectStore> {
    const server = createServer()
    const store = new MemoryObjectStore(server)
    server.on('request', (req, res) => {
      const body = store.objects.get(decodeURIComponent((req.url ?? '').slice(1)))
      if (body === undefined) return void res.writeHead(404).end()
      const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? '') ?? []
      const end = to === '' ? body.length - 1 : Math.min(Number(to), body.length - 1)
      const part = body.subarray(Number(from), end + 1)
      const headers = { 'accept-ranges': 'bytes', 'content-length': part.length }
      if (req.headers.range === undefined) return void res.writeHead(200, headers).end(body)
      res.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${end}/${body.length}` }).end(part)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return store
  }

  async upload(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Uploaded> {
    this.uploading += 1
    try {
      if (this.fail === 'uploads') throw new Error('503 Slow Down')
      if (this.fail === 'stall') {
        await new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        })
      }
      const chunks: Uint8Array[] = []
      for await (const chunk of body) {
        signal?.throwIfAborted()
        chunks.push(Buffer.from(chunk))
      }
      signal?.throwIfAborted()
      const whole = Buffer.concat(chunks)
      this.objects.set(key, whole)
      return { bytes: whole.length, sha256: createHash('sha256').update(whole).digest('hex'), etag: etagOf(whole) }
    } finally {
      this.uploading -= 1
    }
  }

  async put(key: string, body: Uint8Array | string): Promise<void> {
    await Promise.resolve()
    if (this.fail === 'puts') throw new Error('503 Slow Down')
    this.objects.set(key, Buffer.from(body))
  }

  async create(key: string, body: Uint8Array | string): Promise<boolean> {
    await Promise.resolve()
    if (this.fail === 'puts') throw new Error('503 Slow Down')
    if (this.objects.has(key)) return false
    this.objects.set(key, Buffer.from(body))
    return true
  }

  async replace(key: string, body: Uint8Array | string, etag: string): Promise<boolean> {
    await Promise.resolve()
    if (this.fail === 'puts') throw new Error('503 Slow Down')
    const there = this.objects.get(key)
    if (there === undefined || etagOf(there) !== etag) return false
    this.objects.set(key, Buffer.from(body))
    return true
  }

  async pour(key: string, sink: Writable, { range, onAnswer }: PourOptions): Promise<Poured> {
    const got = await this.get(key, range === undefined ? {} : { range })
    onAnswer?.()
    return pourGot(got, sink)
  }

  async get(key: string, { range }: GetOptions = {}): Promise<Got> {
    await Promise.resolve()
    const body = this.objects.get(key)
    if (body === undefined) return { kind: 'missing' }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
    if (from === undefined)
      return { kind: 'whole', body: Readable.from([body]), bytes: body.length, etag: etagOf(body) }
    const part = body.subarray(Number(from), Number(to) + 1)
    const contentRange = `bytes ${from}-${Number(from) + part.length - 1}/${body.length}`
    return { kind: 'part', body: Readable.from([part]), bytes: part.length, etag: etagOf(body), contentRange }
  }

  async read(key: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.objects.get(key))
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const body = this.objects.get(key)
    return Promise.resolve(body && { key, bytes: body.length, etag: etagOf(body), modifiedAt: 0 })
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    for (const [key, body] of [...this.objects].sort(([one], [other]) => (one < other ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue
      const modifiedAt = this.modifiedAt.get(key) ?? 0
      yield await Promise.resolve({ key, bytes: body.length, etag: etagOf(body), modifiedAt })
    }
  }

  async removeAll(prefix: string): Promise<number> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix))
    for (const key of keys) this.objects.delete(key)
    const left = this.left.filter(({ key }) => key.startsWith(prefix))
    for (const upload of left) await this.abort(upload)
    return keys.length + left.length
  }

  async *unfinished(): AsyncIterable<UnfinishedUpload> {
    yield* [...this.left]
    await Promise.resolve()
  }

  async abort(upload: UnfinishedUpload): Promise<void> {
    await Promise.resolve()
    this.left.splice(this.left.indexOf(upload), 1)
  }

  async readUrl(key: string): Promise<string> {
    return Promise.resolve(
      `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${encodeURIComponent(key)}`,
    )
  }

  async publicUrl(): Promise<undefined> {
    await Promise.resolve()
  }

  async ping(): Promise<void> {
    await Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}
