import type { JobRef, RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import type { FollowedJobs } from '../render/followed-jobs.js'
import type { RenderMetrics } from '../render/render-metrics.js'

export type OrphanJobsDependencies = {
  node: string
  runner: Pick<RunnerClient, 'abort' | 'release'>
  followed: Pick<FollowedJobs, 'has'>
  /** Asks the video's workflow whether it still wants the job from this node; rejects while Temporal cannot be asked. */
  isWanted: (job: JobRef) => Promise<boolean>
  /** The renders that their workflows believe to be on this node; rejects while Temporal cannot be asked. */
  believedHere: () => Promise<JobRef[]>
  metrics: Pick<RenderMetrics, 'orphans'>
  log: Log
}

/** How long after a yes the activity that follows the job may take to come, and how long to wait where nobody answers. */
const askAgainMs = { wanted: 15_000, unheard: 1_000 }

/**
 * Jobs that the runner holds and nobody here follows: left by a worker before this one, or of an activity that Temporal gave up
 * while this node was cut off from it. Their workflow says what becomes of each:
 *
 * wanted here   the ranks go on, and an `attach` comes for it
 * not wanted    the video has gone on elsewhere, is over, or is no more: ended, and the node is free
 * unheard       Temporal or the workflow's worker is away: the ranks go on, and it is asked again
 *
 * The other way round, a worker before this one may have been lost with a video that its runner did not have yet: the first look
 * tells its workflow, which would otherwise miss it for the length of a heartbeat, 30 s. The `attach` that comes finds no job, and
 * the video is rendered anew.
 */
export class OrphanJobs {
  readonly #dependencies: OrphanJobsDependencies
  #asked: { job: JobRef; againAt: number } | undefined
  #toldOfLost: Promise<void> | undefined

  constructor(dependencies: OrphanJobsDependencies) {
    this.#dependencies = dependencies
  }

  /** Looks after the job that the runner holds, if any; returns soon, often without having done anything. */
  async look(job: JobRef | null): Promise<void> {
    await (this.#toldOfLost ??= this.#tellOfLost(job))
    if (job) await this.#lookAfter(job)
  }

  /** Once, before this worker has renders of its own, which would seem lost as well. Where it fails, the heartbeat tells. */
  async #tellOfLost(held: JobRef | null): Promise<void> {
    const { node, followed, isWanted, believedHere, log } = this.#dependencies
    try {
      const lost = (await believedHere()).filter(({ jobId }) => jobId !== held?.jobId && !followed.has(jobId))
      for (const job of lost) {
        const { jobId: video, generation } = job
        if (!(await isWanted(job))) continue
        log.warn({ event: 'render-lost', video, generation }, `${node} is back without the render that it had taken`)
      }
    } catch (err) {
      log.warn({ event: 'lost-untold', err }, 'nobody says which renders are believed to be here')
    }
  }

  async #lookAfter(job: JobRef): Promise<void> {
    const { node, followed, isWanted, log } = this.#dependencies
    const now = performance.now()
    if (followed.has(job.jobId) || (isSame(this.#asked?.job, job) && now < (this.#asked?.againAt ?? 0))) return
    const jobLog = log.child({ video: job.jobId, generation: job.generation })
    let wanted: boolean
    try {
      wanted = await isWanted(job)
    } catch (err) {
      this.#asked = { job, againAt: now + askAgainMs.unheard }
      jobLog.debug({ event: 'stray-unheard', err }, 'nobody says what becomes of the job that the runner holds')
      return
    }
    this.#asked = { job, againAt: performance.now() + askAgainMs.wanted }
    if (wanted) jobLog.info({ event: 'node-back' }, `${node} is back at its render, which has gone on`)
    else if (!followed.has(job.jobId)) await this.#end(job, jobLog)
  }

  async #end(job: JobRef, log: Log): Promise<void> {
    const { runner, metrics } = this.#dependencies
    log.warn({ event: 'orphan' }, 'ending a render that its video does not want from this node any more')
    metrics.orphans.inc()
    await runner.abort(job)
    await runner.release(job)
    this.#asked = undefined
  }
}

const isSame = (one: JobRef | undefined, other: JobRef): boolean =>
  one?.jobId === other.jobId && one.generation === other.generation
