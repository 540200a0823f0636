import type { Log } from '../infra/log.js'
import { type Unfinished, UnfinishedVideos } from './unfinished-videos.js'
import { within } from './within.js'

/** Where the view learns of videos. `Listed` is one that may have changed: still unfinished, or not any more. */
export type Listed = { id: string; unfinished: Unfinished | undefined }
export type VideoLister = {
  /** Every unfinished video. */
  unfinished(): AsyncIterable<Listed>
  /** Every video that changed or closed at or after this time, in milliseconds. */
  changedSince(time: number): AsyncIterable<Listed>
}

/** The list is brought up to date at most this often. */
const refreshEveryMs = 1_000
/** Visibility is written after the fact, and clocks differ: each delta looks back this much further than the last. */
const overlapMs = 10_000
/** A list that takes longer than this is not waited for where there is an older one. */
const staleAfterMs = 1_500
/** What this process did itself is newer than any list read within this time after it. */
const ownWordMs = 5_000

/**
 * The unfinished videos, in memory: listed once, then kept up by one small query a second, only while somebody asks.
 * What this process itself starts and deletes shows at once.
 */
export class QueueView {
  readonly #lister: VideoLister
  readonly #log: Log
  readonly #videos = new UnfinishedVideos()
  /** Own starts and deletes, until lists are sure to have them. */
  readonly #ownWord = new Map<string, { at: number; unfinished: Unfinished | undefined }>()
  #refreshedAt: number | undefined
  #refreshing: Promise<void> | undefined
  #now: () => number

  constructor(lister: VideoLister, log: Log, now: () => number = Date.now) {
    this.#lister = lister
    this.#log = log
    this.#now = now
  }

  /**
   * The videos as of at most a second ago. While Temporal's lists are away: as last known; rejects only if nothing is known yet.
   */
  async videos(): Promise<UnfinishedVideos> {
    if (this.#refreshedAt === undefined || this.#now() - this.#refreshedAt >= refreshEveryMs) {
      this.#refreshing ??= this.#refresh().finally(() => {
        this.#refreshing = undefined
      })
      const refreshing = this.#refreshing
      try {
        await (this.#refreshedAt === undefined ? refreshing : within(staleAfterMs, () => refreshing))
      } catch (err) {
        if (this.#refreshedAt === undefined) throw err
        this.#log.warn({ err }, 'the queue is shown as last known: its changes cannot be listed')
      }
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

  async #refresh(): Promise<void> {
    const began = this.#now()
    if (this.#refreshedAt === undefined) {
      for await (const listed of this.#lister.unfinished()) this.#apply(listed)
      // What changed while the list was read is in the first delta.
    } else {
      for await (const listed of this.#lister.changedSince(this.#refreshedAt - overlapMs)) this.#apply(listed)
    }
    this.#refreshedAt = began
    for (const [id, word] of this.#ownWord) if (began - word.at > ownWordMs) this.#ownWord.delete(id)
  }

  #apply({ id, unfinished }: Listed): void {
    const word = this.#ownWord.get(id)
    // A list that was read too early: it still has what was deleted.
    if (word !== undefined && word.unfinished === undefined) return
    if (unfinished === undefined) this.#videos.remove(id)
    else this.#videos.put(unfinished)
  }
}
