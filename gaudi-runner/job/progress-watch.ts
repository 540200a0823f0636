/**
 * Notices a job that does not get further although its ranks show that they live: one that waits in a hand-over for an
 * encoder that hangs, say. Several times what a step has taken lately, and never less than `leastMs`.
 *
 * Counted in ticks rather than between two clock readings, like `RankWatchdog`.
 */
export class ProgressWatch implements Disposable {
  readonly #timer: NodeJS.Timeout
  #waitedMs = 0
  /** The longest wait between two messages, forgotten slowly. */
  #usualMs = 0

  constructor(leastMs: number, stuck: (waitedMs: number) => void) {
    const tickMs = Math.min(1000, leastMs / 8)
    this.#timer = setInterval(() => {
      this.#waitedMs += tickMs
      if (this.#waitedMs >= Math.max(leastMs, 10 * this.#usualMs)) stuck(this.#waitedMs)
    }, tickMs)
  }

  progressed(): void {
    this.#usualMs = Math.max(this.#waitedMs, 0.95 * this.#usualMs)
    this.#waitedMs = 0
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
