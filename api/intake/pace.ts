/**
 * How fast a sender is, by the time in which we waited for it: while the store takes nothing, that is no fault of the sender's.
 * Judged once it has been waited for during `windowMs`, and then over the last such window.
 */
export class Pace {
  readonly #windowMs: number
  #since: number | undefined
  #waitedMs = 0
  #bytes = 0
  #last: number | undefined

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** From now on the sender is waited for. */
  waiting(): void {
    this.#since = performance.now()
  }

  /** From now on it is not; `bytes` have come meanwhile. */
  waited(bytes = 0): void {
    this.#waitedMs = this.#untilNow()
    this.#since = undefined
    this.#bytes += bytes
    if (this.#waitedMs < this.#windowMs) return
    this.#last = this.#now()
    this.#waitedMs = 0
    this.#bytes = 0
  }

  /** Undefined as long as nothing can be said. */
  bytesPerSecond(): number | undefined {
    // A sender that has gone silent is as slow as its silence is long.
    return this.#untilNow() >= this.#windowMs ? this.#now() : this.#last
  }

  #untilNow(): number {
    return this.#waitedMs + (this.#since === undefined ? 0 : performance.now() - this.#since)
  }

  #now(): number {
    return (this.#bytes / this.#untilNow()) * 1000
  }
}
