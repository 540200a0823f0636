/** A video that is queued or being processed, as far as others wait for it. */
export type Unfinished = {
  id: string
  phase: 'queued' | 'processing'
  /** 1 first, 5 last. */
  priority: number
  /** Milliseconds since 1970. */
  createdAt: number
  /** Forward-tokens of the whole render. */
  work: number
  startedAt?: number | undefined
  node?: string | undefined
}

/**
 * The unfinished videos of the whole service, in the order in which they are ahead of each other: those being processed, then
 * those that wait; within each by priority, then by age. Positions are found by bisection and the work ahead by
 * sums kept beside it, so that an answer costs the same with three queued videos as with three thousand.
 */
export class UnfinishedVideos {
  readonly #ordered: Unfinished[] = []
  readonly #byId = new Map<string, Unfinished>()
  /** `#sums[i]`: work of the first i queued videos; empty when it must be added up again. */
  #sums: number[] = []

  get size(): number {
    return this.#ordered.length
  }

  /** Adds a video, or moves it to where it belongs now. */
  put(video: Unfinished): void {
    this.remove(video.id)
    this.#ordered.splice(this.#rank(video), 0, video)
    this.#byId.set(video.id, video)
    this.#sums = []
  }

  remove(id: string): void {
    const video = this.#byId.get(id)
    if (video === undefined) return
    this.#byId.delete(id)
    this.#ordered.splice(this.#rank(video), 1)
    this.#sums = []
  }

  clear(): void {
    this.#ordered.length = 0
    this.#byId.clear()
    this.#sums = []
  }

  /** How many others are ahead of this video, which need not be known here yet, or may be known in an earlier phase. */
  ahead(video: Unfinished): number {
    const known = this.#byId.get(video.id)
    const rank = this.#rank(video)
    return known !== undefined && compare(known, video) < 0 ? rank - 1 : rank
  }

  /** Work of the queued videos ahead of this one. */
  queuedWorkAhead(video: Unfinished): number {
    const known = this.#byId.get(video.id)
    const ownWork = known?.phase === 'queued' && compare(known, video) < 0 ? known.work : 0
    const queuedAhead = Math.max(0, this.#rank(video) - this.processing().length)
    return (this.#summedWork()[queuedAhead] ?? 0) - ownWork
  }

  /** The videos being processed: never more than there are nodes, and some whose files are being assembled. */
  processing(): readonly Unfinished[] {
    return this.#ordered.slice(0, this.#firstQueued())
  }

  ids(): Iterable<string> {
    return this.#byId.keys()
  }

  #summedWork(): number[] {
    if (this.#sums.length === 0) {
      let sum = 0
      this.#sums = [0, ...this.#ordered.slice(this.#firstQueued()).map((video) => (sum += video.work))]
    }
    return this.#sums
  }

  #firstQueued(): number {
    return this.#bisect((video) => video.phase === 'processing')
  }

  /** How many known videos come before this one. */
  #rank(video: Unfinished): number {
    return this.#bisect((other) => compare(other, video) < 0)
  }

  #bisect(isBefore: (video: Unfinished) => boolean): number {
    let [low, high] = [0, this.#ordered.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const video = this.#ordered[middle]
      if (video !== undefined && isBefore(video)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Negative when `a` is ahead of `b`. */
function compare(a: Unfinished, b: Unfinished): number {
  return (
    Number(a.phase === 'queued') - Number(b.phase === 'queued') ||
    a.priority - b.priority ||
    a.createdAt - b.createdAt ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  )
}
