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
  /** Of one of its forward passes. */
  tokens: number
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
  /** By the tokens of a forward pass; undefined when it must be added up again. */
  #queuedWork: Map<number, SummedWork> | undefined

  get size(): number {
    return this.#ordered.length
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Adds a video, or moves it to where it belongs now. */
  put(video: Unfinished): void {
    this.remove(video.id)
    this.#ordered.splice(this.#rank(video), 0, video)
    this.#byId.set(video.id, video)
    this.#queuedWork = undefined
  }

  remove(id: string): void {
    const video = this.#byId.get(id)
    if (video === undefined) return
    this.#byId.delete(id)
    this.#ordered.splice(this.#rank(video), 1)
    this.#queuedWork = undefined
  }

  /** How many others are ahead of this video, which need not be known here yet, or may be known in an earlier phase. */
  ahead(video: Unfinished): number {
    const known = this.#byId.get(video.id)
    const rank = this.#rank(video)
    return known !== undefined && compare(known, video) < 0 ? rank - 1 : rank
  }

  /** Work of the queued videos ahead of this one, by the tokens of their forward passes. */
  queuedWorkAhead(video: Unfinished): { tokens: number; work: number }[] {
    const known = this.#byId.get(video.id)
    const own = known?.phase === 'queued' && compare(known, video) < 0 ? known : undefined
    const queuedAhead = Math.max(0, this.#rank(video) - this.processing().length)
    return [...this.#summedWork()].map(([tokens, { places, sums }]) => {
      const work = sums[bisect(places, (place) => place < queuedAhead)] ?? 0
      return { tokens, work: own?.tokens === tokens ? work - own.work : work }
    })
  }

  /** The videos being processed: never more than there are nodes, and some whose files are being assembled. */
  processing(): readonly Unfinished[] {
    return this.#ordered.slice(0, this.#firstQueued())
  }

  /** When the queued video was accepted that has waited longest, whatever its priority. */
  oldestQueuedAt(): number | undefined {
    const queued = this.#ordered.slice(this.#firstQueued())
    return queued.length === 0
      ? undefined
      : queued.reduce((least, { createdAt }) => Math.min(least, createdAt), Infinity)
  }

  #summedWork(): Map<number, SummedWork> {
    if (this.#queuedWork === undefined) {
      this.#queuedWork = new Map()
      for (const [place, { tokens, work }] of this.#ordered.slice(this.#firstQueued()).entries()) {
        const { places, sums } = this.#queuedWork.get(tokens) ?? { places: [], sums: [0] }
        places.push(place)
        sums.push((sums.at(-1) ?? 0) + work)
        this.#queuedWork.set(tokens, { places, sums })
      }
    }
    return this.#queuedWork
  }

  #firstQueued(): number {
    return bisect(this.#ordered, (video) => video.phase === 'processing')
  }

  /** How many known videos come before this one. */
  #rank(video: Unfinished): number {
    return bisect(this.#ordered, (other) => compare(other, video) < 0)
  }
}

/** Of the queued videos of one shape: their places in the queue, and the work of the first i of them. */
type SummedWork = { places: number[]; sums: number[] }

/** How many come first for which this holds; it must hold for none after the first for which it does not. */
function bisect<T>(ordered: readonly T[], isBefore: (one: T) => boolean): number {
  let [low, high] = [0, ordered.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const one = ordered[middle]
    if (one !== undefined && isBefore(one)) low = middle + 1
    else high = middle
  }
  return low
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
