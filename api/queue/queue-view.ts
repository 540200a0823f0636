import type { Log } from '../../infra/program/log.js'
import { type Unfinished, UnfinishedVideos } from './unfinished-videos.js'
import { within } from '../http/within.js'

/** Where the view learns of videos. `Listed` is one that may have changed: still unfinished, or not any more. */
export type Listed = { id: string; unfinished: Unfinished | undefined }
export type VideoLister = {
  /** Every unfinished video. */
  unfinished(): AsyncIterable<Listed>
  /** Every video that changed at or after this time, in milliseconds. */
  changedSince(time: number): AsyncIterable<Listed>
  /** Every video that closed at or after this time. */
  closedSince(time: number): AsyncIterable<Listed>
}

/** The list is brought up to date this often while somebody asks, and for a while after. */
const refreshEveryMs = 1_000
const keptUpMs = 60_000
/** A list of this age is still shown at once; an older one is waited for. */
const shownMs = 2_000
/** Each delta looks back a little further than the last one: most is in Temporal's lists within milliseconds. */
const overlapMs = 1_000
/**
 * Visibility is written after the fact, and clocks differ: every few seconds a delta looks back further. Done every second, it read
 * each change eleven times, which was most of what a POST cost while thousands had just been queued.
 */
const wide = { everyMs: 5_000, overlapMs: 10_000 }
/** A list that takes longer than this is not waited for where there is an older one. */
const patienceMs = 1_500
/** What this process did itself is newer than any list read within this time after it. */
const ownWordMs = 5_000

/**
 * The unfinished videos, in memory: listed once, then kept up by one small query a second, in the background and only while somebody
 * asks: nobody waits for a list but who comes after a long silence. What this process itself starts and deletes shows at once.
 */
export class QueueView implements Disposable {
  readonly #lister: VideoLister
  readonly #log: Log
  readonly #videos = new UnfinishedVideos()
  /** Own starts and deletes, until lists are sure to have them. */
  readonly #ownWord = new Map<string, { at: number; unfinished: Unfinished | undefined }>()
  #listed: { at: number; wideAt: number } | undefined
  #refreshing: Promise<void> | undefined
  #askedAt = 0
  #next: NodeJS.Timeout | undefined
  #isOver = false
  #now: () => number

  constructor(lister: VideoLister, log: Log, now: () => number = Date.now) {
    this.#lister = lister
    this.#log = log
    this.#now = now
  }

  /**
   * The videos as of at most two seconds ago. While Temporal's lists are away: as last known; rejects only if nothing is known yet.
   */
  async videos(): Promise<UnfinishedVideos> {
    this.#askedAt = this.#now()
    const age = this.#askedAt - (this.#listed?.at ?? -Infinity)
    if (age >= refreshEveryMs) {
      const refreshing = this.#refresh()
      if (this.#listed === undefined) await refreshing
      else if (age >= shownMs) await within(patienceMs, () => refreshing).catch((err: unknown) => this.#warn(err))
    }
    return this.#videos
  }

  /** This process started a video. */
  started(video: Unfinished): void {
    this.#ownWord.set(video.id, { at: this.#now(), unfinished: video })
    this.#videos.put(video)
  }

  /** This process removed a video. */
  removed(id: string): void {
    this.#ownWord.set(id, { at: this.#now(), unfinished: undefined })
    this.#videos.remove(id)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    clearTimeout(this.#next)
  }

  /** One at a time; the next follows by itself. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#list().finally(() => {
      this.#refreshing = undefined
      this.#keepUp()
    })
    const refreshing = this.#refreshing
    refreshing.catch(() => undefined) // whoever waits hears of it
    return refreshing
  }

  #keepUp(): void {
    clearTimeout(this.#next)
    if (this.#isOver || this.#listed === undefined) return
    const next = () => {
      if (this.#now() - this.#askedAt < keptUpMs) this.#refresh().catch((err: unknown) => this.#warn(err))
    }
    this.#next = setTimeout(next, refreshEveryMs).unref()
  }

  #warn(err: unknown): void {
    this.#log.warn({ err }, 'the queue is shown as last known: its changes cannot be listed')
  }

  async #list(): Promise<void> {
    const at = this.#now()
    if (this.#listed === undefined) {
      for await (const listed of this.#lister.unfinished()) this.#apply(listed)
      // What changed while the list was read is in the first delta.
      this.#listed = { at, wideAt: at }
    } else if (at - this.#listed.wideAt >= wide.everyMs) {
      const since = this.#listed.wideAt - wide.overlapMs
      for await (const listed of this.#lister.changedSince(since)) this.#apply(listed)
      // Last: what has closed by now is gone, whatever a list read a moment ago says.
      for await (const listed of this.#lister.closedSince(since)) this.#apply(listed)
      this.#listed = { at, wideAt: at }
    } else {
      for await (const listed of this.#lister.changedSince(this.#listed.at - overlapMs)) this.#apply(listed)
      this.#listed = { at, wideAt: this.#listed.wideAt }
    }
    for (const [id, word] of this.#ownWord) if (at - word.at > ownWordMs) this.#ownWord.delete(id)
  }

  #apply({ id, unfinished }: Listed): void {
    const word = this.#ownWord.get(id)
    // A list that was read too early: it still has what was deleted.
    if (word !== undefined && word.unfinished === undefined) return
    if (unfinished === undefined) this.#videos.remove(id)
    else this.#videos.put(unfinished)
  }
}
