import { status } from '@grpc/grpc-js'
import { rm } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { CheckedOrder } from './check-order.js'
import { Generations } from './generations.js'
import { Job, type JobName, type JobState } from './job.js'
import { applyBlame, applyWord } from './job-words.js'
import type { Ranks } from './ranks.js'
import { RpcError } from './rpc-error.js'

/** A submission whose files are still coming in. `signal` aborts when it loses its place. */
export type Arrival = { name: JobName; signal: AbortSignal }

export type JobSlotOptions = {
  ranks: Ranks
  /** How long the ranks may take to leave an aborted job before they are taken for stalled. */
  abortMs: number
  /** Counted once for each job. */
  ended: (state: Exclude<JobState, 'RUNNING'>) => void
  log: Logger
}

/**
 * The node's one place for a job. This, not Temporal, is what guarantees that one job runs at a time and that an older
 * generation never runs beside a newer one.
 *
 * Free → a submission arrives (the place is taken, a held job of the same id goes on) → its job is held: running, then
 * ended → released.
 */
export class JobSlot {
  readonly #options: JobSlotOptions
  readonly #generations = new Generations()
  #arriving: { arrival: Arrival; cancel: (reason: RpcError) => void } | undefined
  #held: Job | undefined
  #closed = false

  constructor(options: JobSlotOptions) {
    this.#options = options
    options.ranks.on('word', (word) => {
      // A speed is of no job, and a word about a job that was just replaced concerns nobody.
      if ('job' in word && word.type !== 'failed' && word.job === this.#held?.name.jobId) applyWord(this.#held, word)
    })
    options.ranks.on('broken', (blame) => {
      if (this.#held) applyBlame(this.#held, blame)
    })
  }

  get held(): Job | undefined {
    return this.#held
  }

  get taken(): boolean {
    return this.#held !== undefined || this.#arriving !== undefined
  }

  /** The job itself if it is held already, else a place for it. Throws why there is none. */
  admit(name: JobName): Job | Arrival {
    if (this.#held?.is(name)) return this.#held
    this.#checkOpen()
    this.#checkFence(name)
    const other = [this.#held?.name, this.#arriving?.arrival.name].find((taken) => taken && taken.jobId !== name.jobId)
    if (other) throw new RpcError(status.RESOURCE_EXHAUSTED, `this node holds ${other.jobId}`, 'busy')
    this.#checkReady()
    // The same job arriving again: its sender started anew, and may not even know that the other one still lives.
    this.#arriving?.cancel(new RpcError(status.ABORTED, 'the job was submitted again'))
    const control = new AbortController()
    const arrival = { name, signal: control.signal }
    this.#arriving = { arrival, cancel: (reason) => control.abort(reason) }
    return arrival
  }

  /** Makes an arrival whose files are complete in `folder` the held job; an older generation of it is aborted first. */
  async accept(arrival: Arrival, { order }: CheckedOrder, folder: string): Promise<Job> {
    const { name } = arrival
    arrival.signal.throwIfAborted()
    if (this.#held) {
      await this.abort(this.#held.name)
      await this.#forget(this.#held)
    }
    arrival.signal.throwIfAborted()
    this.#checkOpen()
    this.#checkReady()
    const job = new Job(name, folder)
    this.#generations.saw(name.jobId, name.generation)
    this.#held = job
    this.depart(arrival)
    const { ranks, ended, log } = this.#options
    ranks.render({ type: 'render', job: name.jobId, generation: name.generation, directory: folder, order })
    log.info({ event: 'job-started', video: name.jobId, generation: name.generation, folder }, 'rendering')
    void job.ended.then(() => {
      if (job.state !== 'RUNNING') ended(job.state)
      log.info({ event: 'job-ended', video: name.jobId, generation: name.generation, state: job.state }, 'job ended')
    })
    return job
  }

  /** Gives an arrival's place back; nothing if it was accepted or has lost it. */
  depart(arrival: Arrival): void {
    if (this.#arriving?.arrival === arrival) this.#arriving = undefined
  }

  /** Throws NOT_FOUND for a job that is not held. */
  find(name: JobName): Job {
    if (this.#held?.is(name)) return this.#held
    throw new RpcError(status.NOT_FOUND, `job ${name.jobId}.${name.generation} is not held here`)
  }

  /** Returns the job as it ended, once the ranks are free; undefined if it is not held. */
  async abort(name: JobName): Promise<Job | undefined> {
    const { arrival, cancel } = this.#arriving ?? {}
    if (arrival?.name.jobId === name.jobId && arrival.name.generation === name.generation)
      cancel?.(new RpcError(status.ABORTED, 'the job was aborted while it was submitted'))
    const job = this.#held
    if (!job?.is(name)) return undefined
    const { ranks, abortMs } = this.#options
    if (job.state === 'RUNNING') ranks.abort(name.jobId)
    const message = `the ranks did not leave the aborted job within ${abortMs / 1000} s`
    const timer = setTimeout(() => ranks.break({ reason: 'RANK_STALLED', rank: -1, message }), abortMs)
    try {
      await job.ended
    } finally {
      clearTimeout(timer)
    }
    return job
  }

  /** Lets the running chunk be finished first; returns the job as it stands, undefined if it is not held. */
  abortAfterChunk(name: JobName): Job | undefined {
    const job = this.#held
    if (!job?.is(name)) return undefined
    if (job.state === 'RUNNING') this.#options.ranks.abortAfterChunk(name.jobId)
    return job
  }

  /** Throws FAILED_PRECONDITION for a job that still runs; nothing for one that is not held. */
  async release(name: JobName): Promise<void> {
    const job = this.#held
    if (!job?.is(name)) return
    if (job.state === 'RUNNING') throw new RpcError(status.FAILED_PRECONDITION, `job ${name.jobId} is still running`)
    await this.#forget(job)
  }

  /** Takes no more submissions, and breaks off the one that is arriving. */
  close(): void {
    this.#closed = true
    this.#arriving?.cancel(new RpcError(status.UNAVAILABLE, 'the runner is stopping', 'draining'))
  }

  async #forget(job: Job): Promise<void> {
    if (this.#held === job) this.#held = undefined
    await rm(job.folder, { recursive: true, force: true })
  }

  #checkOpen(): void {
    if (this.#closed) throw new RpcError(status.UNAVAILABLE, 'the runner is stopping', 'draining')
  }

  #checkFence({ jobId, generation }: JobName): void {
    const arriving = this.#arriving?.arrival.name
    const newest = Math.max(this.#generations.newest(jobId), arriving?.jobId === jobId ? arriving.generation : 0)
    if (generation < newest)
      throw new RpcError(
        status.FAILED_PRECONDITION,
        `generation ${generation} of ${jobId} was given up for ${newest}`,
        'fenced',
      )
  }

  #checkReady(): void {
    if (this.#options.ranks.state.phase !== 'ready')
      throw new RpcError(status.FAILED_PRECONDITION, 'the ranks are not ready', 'not-ready')
  }
}
