import { addAbortListener } from 'node:events'

/** A number of places that many want at once. */
export class Slots {
  readonly count: number
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.count = count
    this.#free = count
  }

  get taken(): number {
    return this.count - this.#free
  }

  /** A place at once, or undefined when there is none. */
  take(): Disposable | undefined {
    if (this.#free === 0) return undefined
    this.#free -= 1
    return this.#place()
  }

  /** A place, in the order of asking; rejects when `signal` is aborted first. */
  async wait(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted()
    const place = this.take()
    if (place !== undefined) return place
    return new Promise((resolve, reject) => {
      const given = (): void => {
        left?.[Symbol.dispose]()
        resolve(this.#place())
      }
      const left =
        signal &&
        addAbortListener(signal, () => {
          this.#waiting.splice(this.#waiting.indexOf(given), 1)
          reject(signal.reason as Error)
        })
      this.#waiting.push(given)
    })
  }

  /** Resolves when nobody holds a place. */
  async allFree(): Promise<void> {
    const all = Array.from({ length: this.count }, () => this.wait())
    for (const place of await Promise.all(all)) place[Symbol.dispose]()
  }

  #place(): Disposable {
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        const next = this.#waiting.shift()
        if (next === undefined) this.#free += 1
        else next()
      },
    }
  }
}
