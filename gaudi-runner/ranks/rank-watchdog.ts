/**
 * Notices a rank from which nothing is heard any more.
 *
 * Silence is counted in ticks rather than between two clock readings: a machine that slept, or a runner that was
 * stopped for a while, has heard nothing for reasons of its own.
 */
export class RankWatchdog implements Disposable {
  readonly #silentMs: number[]
  readonly #timer: NodeJS.Timeout

  /** `stalled` may be called again until the watchdog is disposed of. It names the rank that was silent first. */
  constructor(ranks: number, stallMs: number, stalled: (rank: number, silentMs: number) => void) {
    this.#silentMs = Array.from({ length: ranks }, () => 0)
    const tickMs = Math.min(1000, stallMs / 8)
    this.#timer = setInterval(() => {
      for (const [rank, silentMs] of this.#silentMs.entries()) this.#silentMs[rank] = silentMs + tickMs
      const longest = Math.max(...this.#silentMs)
      if (longest >= stallMs) stalled(this.#silentMs.indexOf(longest), longest)
    }, tickMs)
  }

  heard(rank: number): void {
    if (rank < this.#silentMs.length) this.#silentMs[rank] = 0
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
