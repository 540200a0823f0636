import { status } from '@grpc/grpc-js'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { FailureCode } from '../../workflows/failures.js'
import type { Generations } from './generations.js'
import type { JobName } from './check-order.js'
import { Job } from './job.js'
import { recordName } from './job-record.js'
import { JobRun, type JobRunOptions } from './job-run.js'
import { RpcError } from '../contract/rpc-error.js'
import type { RunnerMetrics } from './runner-metrics.js'

/** A submission whose files are still coming in. `signal` aborts when it loses its place. */
export type Arrival = { name: JobName; signal: AbortSignal }

export type JobSlotOptions = Omit<JobRunOptions, 'metrics'> & {
  /** Of this and all earlier runners on the same folder. */
  generations: Generations
  metrics: Pick<RunnerMetrics, 'jobEnded' | 'resumed' | 'recovered'>
  log: Logger
}

/** How long a node whose disk or ranks have failed a job leaves the next one to others. */
const pauseMs = 10_000
/** After which it does so. */
const nodeFaults: ReadonlySet<FailureCode> = new Set<FailureCode>(['node_failed', 'disk_full'])

/**
 * The node's one place for a job. This, not Temporal, is what guarantees that one job runs at a time and that an older
 * generation never runs beside a newer one.
 *
 * Free → a submission arrives (the place is taken, a held job of the same id goes on) → its job is held: on its way to its
 * end (`job-run.ts`), then ended → released. A runner that was started again begins with the job that is on its disk.
 */
export class JobSlot {
  readonly #options: JobSlotOptions
  #arriving: { arrival: Arrival; cancel: (reason: RpcError) => void } | undefined
  #held: { job: Job; run: JobRun } | undefined
  #closed = false
  #pausedUntil = 0

  constructor(options: JobSlotOptions) {
    this.#options = options
    options.ranks.on('message', (message) => {
      // A speed is of no job, and a message about a job that was just replaced concerns nobody.
      if ('job' in message && message.type !== 'failed' && message.job === this.held?.name.jobId)
        this.#held?.run.onMessage(message)
    })
    options.ranks.on('broken', (failure) => this.#held?.run.ranksBroke(failure))
    options.ranks.on('state', (state) => {
      if (state.phase === 'ready') this.#held?.run.ranksReady()
      if (state.phase === 'refused') this.#held?.run.ranksRefused(state.detail)
    })
  }

  get held(): Job | undefined {
    return this.#held?.job
  }

  get taken(): boolean {
    return this.#held !== undefined || this.#arriving !== undefined
  }

  /** Whether another node should get the next job, because this one has just failed one. */
  get paused(): boolean {
    return performance.now() < this.#pausedUntil
  }

  /** The job itself if it is held already, else a place for it. Throws why there is none. */
  admit(name: JobName): Job | Arrival {
    if (this.held?.is(name)) return this.held
    this.#checkOpen()
    this.#checkFence(name)
    const other = [this.held?.name, this.#arriving?.arrival.name].find((taken) => taken && taken.jobId !== name.jobId)
    if (other) throw new RpcError(status.RESOURCE_EXHAUSTED, `this node holds ${other.jobId}`, 'runner_busy')
    // One that takes the place of its older generation waits for ranks as that one did.
    if (!this.#held) this.#checkReady()
    // The same job arriving again: its sender started anew, and may not even know that the other one still lives.
    this.#arriving?.cancel(new RpcError(status.ABORTED, 'the job was submitted again'))
    const control = new AbortController()
    const arrival = { name, signal: control.signal }
    this.#arriving = { arrival, cancel: (reason) => control.abort(reason) }
    return arrival
  }

  /**
   * Makes an arrival whose files are complete the held job; an older generation of it is aborted first. From the moment
   * that its record is on disk it outlives the runner. Throws what the disk says.
   */
  async accept(arrival: Arrival, job: Job): Promise<Job> {
    const { name } = job
    arrival.signal.throwIfAborted()
    if (this.held) {
      await this.abort(this.held.name)
      await this.#forget(this.held)
    }
    arrival.signal.throwIfAborted()
    this.#checkOpen()
    this.#options.generations.saw(name.jobId, name.generation)
    job.keep()
    this.depart(arrival)
    this.#hold(job, false)
    return job
  }

  /** Takes up the job that an earlier runner held. */
  recover(job: Job): void {
    this.#options.metrics.recovered()
    this.#options.log.info({ event: 'job-recovered', video: job.name.jobId, ...job.view }, 'holding the job again')
    this.#hold(job, true)
  }

  /** Gives an arrival's place back; nothing if it was accepted or has lost it. */
  depart(arrival: Arrival): void {
    if (this.#arriving?.arrival === arrival) this.#arriving = undefined
  }

  /** Leaves the next job to other nodes for a while. */
  pause(): void {
    this.#pausedUntil = performance.now() + pauseMs
  }

  /** Throws NOT_FOUND for a job that is not held. */
  find(name: JobName): Job {
    if (this.held?.is(name)) return this.held
    throw new RpcError(status.NOT_FOUND, `job ${name.jobId}.${name.generation} is not held here`)
  }

  /** Returns the job as it ended, once the ranks are free; undefined if it is not held. */
  async abort(name: JobName): Promise<Job | undefined> {
    const { arrival, cancel } = this.#arriving ?? {}
    if (arrival?.name.jobId === name.jobId && arrival.name.generation === name.generation)
      cancel?.(new RpcError(status.ABORTED, 'the job was aborted while it was submitted'))
    const held = this.#held
    if (!held?.job.is(name)) return undefined
    await held.run.abort()
    return held.job
  }

  /** Lets the running chunk be finished first; returns the job as it stands, undefined if it is not held. */
  abortAfterChunk(name: JobName): Job | undefined {
    const held = this.#held
    if (!held?.job.is(name)) return undefined
    held.run.abortAfterChunk()
    return held.job
  }

  /** A file of the job is not where it was. The ranks have not noticed yet if they still render it: they begin anew. */
  damaged(job: Job): void {
    if (this.held !== job || job.state !== 'RUNNING') return
    const detail = job.damage() ?? 'a file of the job could not be read'
    this.#options.ranks.break({ code: 'rank_failed', rank: -1, detail })
  }

  /** Throws FAILED_PRECONDITION for a job that still runs; nothing for one that is not held. */
  async release(name: JobName): Promise<void> {
    const job = this.held
    if (!job?.is(name)) return
    if (job.state === 'RUNNING') throw new RpcError(status.FAILED_PRECONDITION, `job ${name.jobId} is still running`)
    await this.#forget(job)
  }

  /** Takes no more submissions, breaks off the one that is arriving, and leaves the held job to the next runner. */
  close(): void {
    this.#closed = true
    this.#arriving?.cancel(new RpcError(status.UNAVAILABLE, 'the runner is stopping', 'runner_draining'))
    this.#held?.run.suspend()
  }

  #hold(job: Job, recovered: boolean): void {
    if (job.state === 'RUNNING') void job.ended.then(() => this.#ended(job)) // one that has ended was counted before
    this.#held = { job, run: new JobRun(job, recovered, this.#options) }
  }

  #ended(job: Job): void {
    const { name, state, lastEvent: last } = job
    const { metrics, log } = this.#options
    // Where only the job's files were taken away, the next job can go well.
    const isNodeAtFault = last && 'failed' in last && nodeFaults.has(last.failed.code) && !job.damage()
    if (isNodeAtFault) this.pause()
    if (state !== 'RUNNING') metrics.jobEnded(state)
    const { jobId: video, generation } = name
    log.info({ event: 'job-ended', video, generation, state, last }, 'job ended')
  }

  async #forget(job: Job): Promise<void> {
    try {
      // First what makes it a job: a removal that is broken off must not leave half of one.
      await rm(join(job.folder, recordName), { force: true })
      await rm(job.folder, { recursive: true, force: true })
    } finally {
      if (this.held === job) this.#held = undefined
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new RpcError(status.UNAVAILABLE, 'the runner is stopping', 'runner_draining')
  }

  #checkFence({ jobId, generation }: JobName): void {
    const arriving = this.#arriving?.arrival.name
    const seen = this.#options.generations.newest(jobId)
    const newest = Math.max(seen, arriving?.jobId === jobId ? arriving.generation : 0)
    if (generation < newest)
      throw new RpcError(
        status.FAILED_PRECONDITION,
        `generation ${generation} of ${jobId} was given up for ${newest}`,
        'generation_fenced',
      )
  }

  #checkReady(): void {
    if (this.#options.ranks.state.phase !== 'ready')
      throw new RpcError(status.FAILED_PRECONDITION, 'the ranks are not ready', 'runner_not_ready')
  }
}
