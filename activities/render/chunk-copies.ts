import { type ChunkDone, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import { failureCode, failures } from '../../workflows/failures.js'
import { abortableSleep } from '../worker/abortable-sleep.js'
import type { Rendered } from '../../workflows/video/video-activities.js'
import { failure, failureOf } from '../worker/activity-failure.js'
import { isAway, runnerLostAfterMs } from '../worker/runner-failure.js'
import type { ChunkMark } from '../chunk-mark.js'
import type { StoredChunks } from './stored-chunks.js'

export type ChunkCopiesOptions = {
  /** What lay in S3 already. */
  done: StoredChunks
  /** Whose chunks these are. */
  generation: number
  copy: (chunk: ChunkDone, framesBefore: number, signal: AbortSignal) => Promise<ChunkMark>
  signal: AbortSignal
  /** Told of a copy that is tried again. */
  onRetry: (error: Error, chunk: number) => void
}

const internalLimit = 3
const longestPauseMs = 10_000

/**
 * Copies chunks to S3 one after the other, while the next is rendered. A storage that is away is waited for without end:
 * what the ranks have made is worth more than the wait, and the runner keeps it. Dispose to stop what still runs.
 */
export class ChunkCopies implements AsyncDisposable {
  /** Aborted by the signal given, or with its error when a copy has failed for good. */
  readonly signal: AbortSignal
  readonly #options: ChunkCopiesOptions
  readonly #stop = new AbortController()
  /** In S3, or on the way there. */
  #chunks: number
  #frames: number
  #last: Promise<void> = Promise.resolve()

  constructor(options: ChunkCopiesOptions) {
    this.#options = options
    this.#chunks = options.done.lineage.length
    this.#frames = options.done.last?.framesSoFar ?? 0
    this.signal = AbortSignal.any([options.signal, this.#stop.signal])
  }

  /** The chunk after those that are there; one that is there already is none of its business. */
  add(chunk: ChunkDone): void {
    if (chunk.index < this.#chunks) return
    if (chunk.index > this.#chunks) throw failure('internal', `chunk ${this.#chunks} is neither in S3 nor announced`)
    this.#chunks++
    this.#last = this.#last.then(() => this.#copy(chunk))
    this.#last.catch((error: unknown) => this.#stop.abort(error))
  }

  /** Resolves with what is in S3 when every chunk that was added is there. */
  async finished(): Promise<Rendered> {
    await this.#last
    const { done, generation } = this.#options
    const own = new Array<number>(this.#chunks - done.lineage.length).fill(generation)
    return { lineage: [...done.lineage, ...own], frames: this.#frames }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#last.catch(() => {})
  }

  async #copy(chunk: ChunkDone): Promise<void> {
    let awaySince: number | undefined
    for (let tries = 1; ; tries++) {
      try {
        this.#frames = (await this.#options.copy(chunk, this.#frames, this.signal)).framesSoFar
        return
      } catch (error) {
        this.signal.throwIfAborted()
        awaySince = error instanceof RunnerCallFailed ? (awaySince ?? Date.now()) : undefined
        if (isFinal(error, tries, awaySince)) throw error
        this.#options.onRetry(failureOf(error), chunk.index)
        await abortableSleep(Math.min(longestPauseMs, 125 * 2 ** tries), this.signal)
      }
    }
  }
}

function isFinal(error: unknown, tries: number, awaySince: number | undefined): boolean {
  if (error instanceof RunnerCallFailed) {
    return !isAway(error) || Date.now() - (awaySince ?? Date.now()) > runnerLostAfterMs
  }
  const failed = failureOf(error)
  const isTriedOn = 'type' in failed && failures[failureCode(failed.type)].retry === 'always'
  return !isTriedOn && tries >= internalLimit
}
