import { sniffBytes } from './file-kinds.js'

/** The first bytes of a stream, and the stream with them put back in front. `head` is shorter only if the stream is. */
export async function peek(
  stream: AsyncIterable<Uint8Array>,
  bytes = sniffBytes,
): Promise<{ head: Buffer; whole: AsyncIterable<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]()
  const begun: Uint8Array[] = []
  let length = 0
  while (length < bytes) {
    const next = await iterator.next()
    if (next.done === true) break
    begun.push(next.value)
    length += next.value.length
  }
  const head = Buffer.concat(begun)
  async function* whole() {
    if (head.length > 0) yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  return { head: head.subarray(0, bytes), whole: whole() }
}

/** Passes bytes on and throws what `over` makes as soon as there are more than `limit` of them. */
export async function* withByteLimit(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
  over: () => Error,
): AsyncIterable<Uint8Array> {
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > limit) throw over()
    yield chunk
  }
}

/** Keeps what passes, as long as it is no more than `limit` bytes. */
export class KeptBytes {
  readonly #limit: number
  #pieces: Uint8Array[] | undefined = []
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  async *passing(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const piece of stream) {
      this.#length += piece.length
      if (this.#length > this.#limit) this.#pieces = undefined
      this.#pieces?.push(piece)
      yield piece
    }
  }

  /** All that has passed; undefined if it was too much to keep. */
  whole(): Buffer | undefined {
    return this.#pieces && Buffer.concat(this.#pieces, this.#length)
  }
}
