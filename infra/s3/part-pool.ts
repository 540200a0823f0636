import { Slots } from '../program/slots.js'

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
  readonly #places: Slots
  readonly #free: Buffer[] = []
  readonly #out = new Map<Buffer, Disposable>()

  /** As many parts as fit in `bufferMiB`, two at the least. */
  constructor(bufferMiB: number) {
    this.#places = new Slots(Math.max(2, Math.floor((bufferMiB * 2 ** 20) / partBytes)))
  }

  async take(signal?: AbortSignal): Promise<Buffer> {
    const place = await this.#places.wait(signal)
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(partBytes)
    this.#out.set(buffer, place)
    return buffer
  }

  give(buffer: Buffer): void {
    const place = this.#out.get(buffer)
    if (!this.#out.delete(buffer)) return
    this.#free.push(buffer)
    place?.[Symbol.dispose]()
  }

  get out(): number {
    return this.#out.size
  }

  /** Most buffers that were out at once: none is made while one is free, and none is dropped. */
  get peak(): number {
    return this.#out.size + this.#free.length
  }
}
