import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Job } from './job.js'
import type { KeptFailure } from './job-record.js'
import { applyMessage } from './job-messages.js'
import { ProgressWatch } from './progress-watch.js'
import type { RankFailure } from '../ranks/rank-group.js'
import type { JobMessage } from '../ranks/rank-protocol.js'
import type { Ranks } from '../ranks/ranks.js'
import type { RunnerMetrics } from './runner-metrics.js'
import { failedAt, isEnough, type StepPosition, reached } from './failure-history.js'

export type JobRunOptions = {
  ranks: Ranks
  /** How long the ranks may take to leave an aborted job before they are taken for stalled. */
  abortMs: number
  /** How long they may live without getting further; several steps, if those take longer. */
  progressMs: number
  metrics: Pick<RunnerMetrics, 'resumed'>
  log: Logger
}

/** Starts of the ranks in a row that may fail before the job is better off on another node. */
const startLimit = 3

/**
 * The held job on its way to its end: waiting for ranks → rendered by them → ended. When they break it waits again and is
 * rendered on from its newest saved step, until it gets no further (`failure-history.ts`).
 */
export class JobRun {
  readonly #job: Job
  readonly #options: JobRunOptions
  readonly #log: Logger
  #phase: 'waiting' | 'rendering' = 'waiting'
  /** The runner stops: the ranks are no longer given the job, but what they still say counts. */
  #suspended = false
  #failedStarts = 0
  /** As progress told it last since the ranks were given the job. */
  #lastPosition: StepPosition | undefined
  /** Whether what comes next was begun before, and by whom it was broken off. */
  #resumesAfter: 'ranks' | 'runner' | undefined
  #watch: ProgressWatch | undefined
  /** What lacks of the job, for which the ranks are asked to leave it. */
  #gone: string | undefined

  constructor(job: Job, recovered: boolean, options: JobRunOptions) {
    this.#job = job
    this.#options = options
    this.#log = options.log.child({ video: job.name.jobId, generation: job.name.generation })
    this.#resumesAfter = recovered ? 'runner' : undefined
    void job.ended.then(() => this.#watch?.[Symbol.dispose]())
    if (job.leaving) job.end({ aborted: {} })
    if (options.ranks.state.phase === 'ready') this.ranksReady()
  }

  ranksReady(): void {
    this.#failedStarts = 0
    const job = this.#job
    if (this.#phase !== 'waiting' || job.state !== 'RUNNING' || this.#suspended) return
    const damage = job.damage()
    if (damage) return this.#nodeFailed(damage)
    this.#phase = 'rendering'
    this.#lastPosition = undefined
    const { ranks, progressMs } = this.#options
    this.#watch = new ProgressWatch(progressMs, (waitedMs) =>
      ranks.stalled(`no step was finished for ${Math.round(waitedMs / 1000)} s`),
    )
    const { jobId, generation } = job.name
    const { preset, settings } = job.order
    const order = { ...settings, preset, first_chunk: job.nextChunk }
    ranks.render({ type: 'render', job: jobId, generation, directory: job.folder, order })
    this.#log.info({ event: 'job-started', folder: job.folder, firstChunk: job.nextChunk }, 'rendering')
  }

  onMessage(message: JobMessage): void {
    if (this.#job.state !== 'RUNNING') return
    if (message.type === 'progress') {
      this.#reached(message, message.steps)
      this.#leaveIfGone()
    }
    if (message.type === 'aborted' && this.#gone !== undefined && !this.#job.leaving)
      return this.#nodeFailed(this.#gone)
    this.#watch?.progressed()
    applyMessage(this.#job, message)
  }

  ranksBroke(failure: RankFailure): void {
    const [phase, job] = [this.#phase, this.#job]
    if (job.state !== 'RUNNING' || this.#suspended) return
    this.#phase = 'waiting'
    this.#watch?.[Symbol.dispose]()
    if (job.leaving) return job.end({ aborted: {} })
    if (phase === 'waiting') return this.#startFailed(failure)
    const damage = job.damage()
    if (damage) return this.#nodeFailed(`${damage} (${failure.detail})`)
    job.failures = failedAt(job.failures, this.#lastPosition, failure.code)
    if (isEnough(job.failures)) return this.#fail(failure)
    const { code, rank, detail } = failure
    this.#resumesAfter = 'ranks'
    job.interrupted({ code, rank, detail, ...(this.#lastPosition ?? { chunk: job.nextChunk, step: 0 }) })
    this.#log.warn({ event: 'job-interrupted', code, rank, at: this.#lastPosition }, 'the job goes on with new ranks')
  }

  /** The ranks will not come up as this node is now. */
  ranksRefused(detail: string): void {
    if (this.#phase === 'waiting' && this.#job.state === 'RUNNING' && !this.#suspended)
      this.#nodeFailed(`the ranks refuse to start: ${detail}`)
  }

  /** Returns once the job has ended and the ranks are free. */
  async abort(): Promise<void> {
    const { ranks, abortMs } = this.#options
    if (this.#job.state !== 'RUNNING') return
    this.#job.leave() // a runner that ends before the ranks do must not hand it on
    if (this.#phase === 'rendering') ranks.abort(this.#job.name.jobId)
    else this.#job.end({ aborted: {} })
    const detail = `the ranks did not leave the aborted job within ${abortMs / 1000} s`
    const timer = setTimeout(() => ranks.stalled(detail), abortMs)
    try {
      await this.#job.ended
    } finally {
      clearTimeout(timer)
    }
  }

  abortAfterChunk(): void {
    const job = this.#job
    if (job.state !== 'RUNNING' || job.leaving) return
    job.leave()
    if (this.#phase === 'rendering') this.#options.ranks.abortAfterChunk(job.name.jobId)
    else job.end({ aborted: {} })
  }

  /** The runner stops: the next one goes on with the job. */
  suspend(): void {
    this.#suspended = true
    this.#watch?.[Symbol.dispose]()
    if (this.#job.state === 'RUNNING') this.#job.suspend()
  }

  #reached({ chunk, step }: StepPosition, steps: number): void {
    const job = this.#job
    if (this.#resumesAfter && this.#lastPosition === undefined) {
      const { furthest } = job.failures
      const lost = furthest ? Math.max(0, (furthest.chunk - chunk) * steps + furthest.step - step) : 0
      this.#options.metrics.resumed(this.#resumesAfter, lost)
      this.#log.info({ event: 'job-resumed', chunk, step, lost }, 'the job goes on')
    }
    this.#lastPosition = { chunk, step }
    job.failures = reached(job.failures, this.#lastPosition)
  }

  /** Without its folder no chunk can be written: the ranks leave it now, whole, rather than break when the chunk is done. */
  #leaveIfGone(): void {
    const job = this.#job
    if (this.#gone !== undefined || job.leaving || existsSync(job.folder)) return
    this.#gone = job.damage()
    if (this.#gone === undefined) return
    this.#log.warn({ event: 'job-gone', folder: job.folder }, 'the folder of the job is not there any more')
    this.#options.ranks.abort(job.name.jobId)
  }

  #startFailed({ detail }: RankFailure): void {
    this.#failedStarts += 1
    if (this.#failedStarts >= startLimit) this.#nodeFailed(`the ranks do not come up: ${detail}`)
  }

  #nodeFailed(detail: string): void {
    this.#fail({ code: 'node_failed', detail, rank: -1 })
  }

  #fail({ code, detail, rank }: KeptFailure): void {
    this.#job.end({ failed: { code, detail, rank } })
  }
}
