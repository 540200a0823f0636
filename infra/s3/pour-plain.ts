import { addAbortListener } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Writable } from 'node:stream'

export type PlainRequest = {
  /** Signed, http:// only. */
  url: string
  range: string | undefined
  signal: AbortSignal
  /** Called when the answer has begun. */
  onAnswer: () => void
}

const bufferBytes = 64 * 1024
const maxHeadBytes = 16 * 1024
const headEnd = '\r\n\r\n'

/**
 * Writes the body of one GET to `sink` and ends it; false, with nothing written, when the answer is not a plain one: then the
 * SDK's client asks again, and says what is the matter.
 *
 * Two buffers take turns, one being filled while the other is on its way to the reader. Node's HTTP client allocates 64 KiB for each read
 * and copies it to another 64 KiB; freed, they go back to the kernel, which zeroes them anew. That cost 1.0 to 3.5 s of CPU
 * a GiB, this costs 0.7 (measured, client and API on one core), and a reader who takes his time holds 128 KiB.
 */
export function pourPlain(request: PlainRequest, sink: Writable): Promise<boolean> {
  return new PlainPour(request, sink).run()
}

class PlainPour {
  readonly #request: PlainRequest
  readonly #sink: Writable
  #socket: Socket | undefined
  #filling: Buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #other: Buffer | undefined
  #head: Buffer = Buffer.alloc(0)
  /** Bytes of the body that have not come yet; undefined until the head has been read. */
  #left: number | undefined
  #isWriting = false
  /** Came while the piece before it was still being written; nothing more is read until that is done. */
  #waiting: Buffer | undefined
  #settle: { resolve: (isPoured: boolean) => void; reject: (error: unknown) => void } | undefined

  constructor(request: PlainRequest, sink: Writable) {
    this.#request = request
    this.#sink = sink
  }

  async run(): Promise<boolean> {
    const { signal } = this.#request
    signal.throwIfAborted()
    using _stop = addAbortListener(signal, () => this.#settle?.reject(signal.reason))
    try {
      return await new Promise((resolve, reject) => {
        this.#settle = { resolve, reject }
        this.#connect()
      })
    } finally {
      this.#socket?.destroy()
    }
  }

  #connect(): void {
    const { hostname, port, host, pathname, search } = new URL(this.#request.url)
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''), // IPv6
      port: Number(port) || 80,
      noDelay: true,
      onread: { buffer: () => this.#filling, callback: (count) => this.#read(this.#filling.subarray(0, count)) },
    })
    const range = this.#request.range === undefined ? '' : `Range: ${this.#request.range}\r\n`
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${range}Connection: close${headEnd}`)
    socket.once('error', (error) => this.#broken(error))
    socket.once('close', () => this.#broken(new Error('S3 closed the connection')))
    this.#socket = socket
  }

  /** What has come; false stops the reading until `#written`. */
  #read(bytes: Buffer): boolean {
    const body = this.#left === undefined ? this.#readHead(bytes) : bytes
    if (body === undefined || this.#left === undefined) return true
    if (body.length > this.#left) {
      this.#broken(new Error('S3 sent more than it said'))
      return false
    }
    this.#left -= body.length
    if (body.length === 0) {
      if (this.#left === 0) this.#finish()
      return true
    }
    const next = this.#other ?? Buffer.allocUnsafeSlow(bufferBytes)
    this.#other = this.#filling
    this.#filling = next
    if (this.#isWriting) this.#waiting = body
    else this.#write(body)
    return this.#waiting === undefined
  }

  /** Where the body begins; undefined while the head has not come whole, or is not a plain one. */
  #readHead(bytes: Buffer): Buffer | undefined {
    const before = this.#head.length
    this.#head = Buffer.concat([this.#head, bytes])
    const end = this.#head.indexOf(headEnd)
    if (end < 0) {
      if (this.#head.length > maxHeadBytes) this.#decline()
      return undefined
    }
    this.#left = plainLength(this.#head.toString('latin1', 0, end))
    if (this.#left === undefined) {
      this.#decline()
      return undefined
    }
    this.#request.onAnswer()
    return bytes.subarray(end + headEnd.length - before)
  }

  #write(piece: Buffer): void {
    this.#isWriting = true
    this.#sink.write(piece, (error) => {
      this.#isWriting = false
      if (error) this.#settle?.reject(error)
      else this.#written()
    })
  }

  #written(): void {
    const next = this.#waiting
    this.#waiting = undefined
    if (next !== undefined) {
      this.#write(next)
      this.#socket?.resume()
    } else if (this.#left === 0) this.#finish()
  }

  #finish(): void {
    this.#sink.end(() => this.#settle?.resolve(true))
  }

  #decline(): void {
    this.#settle?.resolve(false)
  }

  /** Before the answer has begun, the SDK's client may try; later, the reader has a part of the body. */
  #broken(error: Error): void {
    if (this.#left === undefined) this.#decline()
    else if (this.#left > 0) this.#settle?.reject(error)
  }
}

/** How many bytes follow the head of an answer that has the object, or the part of it, as it is; undefined of any other. */
function plainLength(head: string): number | undefined {
  if (!/^HTTP\/1\.1 20[06] /.test(head) || /^(transfer|content)-encoding:/im.test(head)) return undefined
  const [, length] = /^content-length: *(\d+) *\r?$/im.exec(head) ?? []
  return length === undefined ? undefined : Number(length)
}
