/** Of no more videos at once than can be processed by any fleet. */
const most = 10_000

/**
 * The furthest that this process has told of each video that is processed, in percent, so that it never tells less: while the workflow's
 * worker is killed within a task, Temporal holds back what has ended meanwhile for up to 10 s, and shows it nowhere.
 */
export class MonotonicProgress {
  readonly #percent = new Map<string, number>()

  /** What to tell, given what is known now. */
  furthest(id: string, percent: number): number {
    const told = Math.max(percent, this.#percent.get(id) ?? 0)
    this.#percent.delete(id)
    this.#percent.set(id, told)
    const [oldest = ''] = this.#percent.keys()
    if (this.#percent.size > most) this.#percent.delete(oldest)
    return told
  }

  forget(id: string): void {
    this.#percent.delete(id)
  }
}
