import type { Speed } from '../generated/text2video/runner/v1/Speed.js'

/** Shapes are few: 36 sizes, most of them never asked for, and a handful of lengths. */
const mostKept = 32

/** How long a forward pass takes, by how many tokens it has: the newest measurement of each of the newest token counts. */
export class Speeds {
  readonly #seconds = new Map<number, number>()

  /** `seconds_per_forward` 0: nothing was measured. */
  measured(speed: { seconds_per_forward: number; tokens_per_forward: number }): void {
    const { seconds_per_forward: seconds, tokens_per_forward: tokens } = speed
    if (seconds <= 0 || tokens <= 0) return
    this.#seconds.delete(tokens) // set again, it becomes the last
    this.#seconds.set(tokens, seconds)
    const [oldest] = this.#seconds.keys()
    if (this.#seconds.size > mostKept && oldest !== undefined) this.#seconds.delete(oldest)
  }

  /** The newest first. */
  get newest(): Required<Speed>[] {
    const measured = [...this.#seconds].map(([tokens, seconds]) => ({
      secondsPerForward: seconds,
      tokensPerForward: tokens,
    }))
    return measured.reverse()
  }
}
