/** Jobs whose newest generation is remembered: far more than are ever tried at the same time. */
const remembered = 1000

/** The fence: the newest generation seen of each job. Whoever comes with an older one has been given up by its workflow. */
export class Generations {
  readonly #newest = new Map<string, number>()

  newest(jobId: string): number {
    return this.#newest.get(jobId) ?? 0
  }

  saw(jobId: string, generation: number): void {
    const newest = Math.max(generation, this.newest(jobId))
    this.#newest.delete(jobId) // to the end: a Map keeps the order of insertion
    this.#newest.set(jobId, newest)
    for (const oldest of this.#newest.keys()) {
      if (this.#newest.size <= remembered) return
      this.#newest.delete(oldest)
    }
  }
}
