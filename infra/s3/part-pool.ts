/** S3's parts; all but the last must be at least 5 MiB. 10,000 of them make 80 GiB. */
export const partBytes = 8 * 2 ** 20

/**
 * The buffers of all uploads through one store (a program has one), made when first needed and used again and again.
 *
 * An upload that finds none waits, first come first served, so memory is bounded by the setting and not by the senders.
 * Waiting while holding a part that is under way to S3 is safe (it comes back by itself); waiting while holding one that
 * waits for its sender is not, and `MultipartUpload` never does.
 */
export class PartPool {
  /** Most buffers that were out at once. */
  peak = 0
  #out = 0
  readonly #size: number
  readonly #free: Buffer[] = []
  readonly #waiting: ((buffer: Buffer) => void)[] = []

  /** As many parts as fit in `bufferMiB`, two at the least. */
  constructor(bufferMiB: number) {
    this.#size = Math.max(2, Math.floor((bufferMiB * 2 ** 20) / partBytes))
  }

  async take(signal?: AbortSignal): Promise<Buffer> {
    signal?.throwIfAborted()
    if (this.#out < this.#size) {
      this.#out += 1
      this.peak = Math.max(this.peak, this.#out)
      return this.#free.pop() ?? Buffer.allocUnsafeSlow(partBytes)
    }
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(receive), 1)
        reject(signal?.reason)
      }
      const receive = (buffer: Buffer) => {
        signal?.removeEventListener('abort', stop)
        resolve(buffer)
      }
      signal?.addEventListener('abort', stop, { once: true })
      this.#waiting.push(receive)
    })
  }

  give(buffer: Buffer): void {
    const next = this.#waiting.shift()
    if (next !== undefined) return next(buffer)
    this.#out -= 1
    this.#free.push(buffer)
  }

  get out(): number {
    return this.#out
  }
}
