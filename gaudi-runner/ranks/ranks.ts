import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type RankFailure, RankGroup, type RankGroupOptions } from './rank-group.js'
import type { RankMessage, Ready, RenderCommand } from './rank-protocol.js'

export type RanksState =
  | { phase: 'starting' }
  | { phase: 'ready'; ready: Ready }
  /** Weights or settings cannot work; `detail` is for whoever can change them. Tried again now and then. */
  | { phase: 'refused'; detail: string }
  | { phase: 'stopped' }

type RanksEvents = { state: [RanksState]; message: [RankMessage]; broken: [RankFailure] }

/** Pauses before the group is started again, by how often it failed to become ready since it last was; the last one goes on. */
const pausesMs = [0, 1000, 2000, 5000, 10_000, 30_000, 60_000]
/** A start that takes so many times longer than any before it hangs, however long the very first one may take. */
const slowStart = 10
/** After a refusal: a download may be completed meanwhile. */
const refusedPauseMs = 60_000

/**
 * The ranks of this node, kept up: one group at a time, resident, started again whenever it breaks.
 *
 * Emits `state` at each change, `message` for what rank 0 says of a job and of its speed, `broken` at a group's first failure.
 */
export class Ranks extends EventEmitter<RanksEvents> implements AsyncDisposable {
  readonly #options: RankGroupOptions
  readonly #log: Logger
  readonly #stopping = new AbortController()
  #kept: Promise<void> | undefined
  #state: RanksState = { phase: 'starting' }
  #group: RankGroup | undefined
  #failedStarts = 0
  #restarts = 0
  #slowestStartMs = 0

  constructor(options: RankGroupOptions, log: Logger) {
    super()
    this.#options = options
    this.#log = log
  }

  /** From here on the ranks are kept up; listen first. */
  start(): void {
    this.#kept ??= this.#keep()
  }

  get state(): RanksState {
    return this.#state
  }

  /** How often a group was started in place of one that broke. */
  get restarts(): number {
    return this.#restarts
  }

  /** Starts a job on ready ranks; what becomes of it comes as messages, or as `broken`. */
  render(command: RenderCommand): void {
    if (this.#state.phase !== 'ready') throw new Error(`ranks that are ${this.#state.phase} cannot render`)
    this.#group?.send(command)
  }

  /** Asks for the job's end at the next step; `aborted` (or `finished`, if it was quicker) follows. */
  abort(job: string): void {
    this.#group?.send({ type: 'abort', job })
  }

  /** Asks for the job's end as soon as its running chunk has been handed over. */
  abortAfterChunk(job: string): void {
    this.#group?.send({ type: 'abort', job, after_chunk: true })
  }

  /** Ends the running group, which is started again. */
  break(failure: RankFailure): void {
    this.#group?.break(failure)
  }

  /** The same, because it does not get on: a rank that was stopped is to blame, if there is one. */
  stalled(detail: string): void {
    void this.#group?.stalled(-1, detail)
  }

  /** Stops for good; returns when no process is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#group?.end()
    await this.#kept
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping
    for (let first = true; !signal.aborted; first = false) {
      if (!first) this.#restarts += 1
      this.#become({ phase: 'starting' })
      await this.#runOnce()
      if (signal.aborted) break
      const pauseMs = this.#pauseMs()
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
    }
    this.#become({ phase: 'stopped' })
  }

  #pauseMs(): number {
    if (this.#state.phase === 'refused') return refusedPauseMs
    return pausesMs[Math.min(this.#failedStarts, pausesMs.length - 1)] ?? 0
  }

  #startMs(): number {
    const { startMs, stallMs } = this.#options
    return this.#slowestStartMs > 0 ? Math.min(startMs, Math.max(stallMs, slowStart * this.#slowestStartMs)) : startMs
  }

  /** From start to end of one group. */
  async #runOnce(): Promise<void> {
    this.#failedStarts += 1 // unless it becomes ready
    const began = performance.now()
    try {
      const group = await RankGroup.start(
        { ...this.#options, startMs: this.#startMs() },
        {
          ready: (ready) => {
            this.#slowestStartMs = Math.max(this.#slowestStartMs, performance.now() - began)
            this.#failedStarts = 0
            this.#become({ phase: 'ready', ready })
          },
          onMessage: (message) => this.emit('message', message),
          broken: (failure, output) => {
            this.#log.error({ event: 'ranks-broken', ...failure, output }, 'the ranks broke and are started again')
            this.#become({ phase: 'starting' })
            this.emit('broken', failure)
          },
          refused: (detail) => {
            this.#log.error({ event: 'refused' }, `the ranks refuse to start: ${detail}`)
            this.#become({ phase: 'refused', detail })
          },
          output: (rank, line) => this.#log.debug({ event: 'rank-output', rank, line }, 'rank output'),
        },
      )
      this.#group = group
      if (this.#stopping.signal.aborted) void group.end()
      const left = await group.ended
      if (left.length > 0) this.#log.error({ event: 'ranks-left', left }, 'processes of ended ranks do not go')
    } catch (error) {
      this.#log.error({ event: 'ranks-not-started', err: error }, 'the ranks could not be started')
      this.emit('broken', {
        code: 'rank_died',
        rank: -1,
        detail: `the ranks could not be started: ${String(error)}`,
      })
    }
  }

  #become(state: RanksState): void {
    this.#state = state
    this.emit('state', state)
  }
}
