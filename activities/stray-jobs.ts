import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import type { JobRef, RunnerClient } from '../gaudi-runner/runner-client.js'
import type { Log } from '../infra/log.js'
import { type NodeBack, nodeBackUpdate } from '../workflows/names.js'
import { later, type RenderProgress } from '../workflows/progress.js'
import type { FollowedJobs } from './followed-jobs.js'
import type { RenderMetrics } from './render-metrics.js'

export type StrayJobsDependencies = {
  node: string
  runner: Pick<RunnerClient, 'abort' | 'release'>
  followed: Pick<FollowedJobs, 'has'>
  /** Asks the video's workflow whether it still wants the job from this node; rejects while Temporal cannot be asked. */
  isWanted: (job: JobRef) => Promise<boolean>
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
 */
export class StrayJobs {
  readonly #dependencies: StrayJobsDependencies
  #asked: { job: JobRef; againAt: number } | undefined

  constructor(dependencies: StrayJobsDependencies) {
    this.#dependencies = dependencies
  }

  /** Looks after the job that the runner holds; returns soon, often without having done anything. */
  async look(job: JobRef): Promise<void> {
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

const answerMs = 5_000

/** Asks by an update of the workflow, telling it how far the render is known to have come. */
export function askWorkflow(client: Client, node: string): (job: JobRef) => Promise<boolean> {
  return async ({ jobId, generation }) => {
    const handle = client.workflow.getHandle(jobId)
    try {
      return await client.withDeadline(Date.now() + answerMs, async () => {
        const { raw, status } = await handle.describe()
        if (status.name !== 'RUNNING') return false
        const heard = (raw.pendingActivities ?? [])
          .flatMap(({ heartbeatDetails }) => heartbeatDetails?.payloads?.[0] ?? [])
          .map((payload) => defaultPayloadConverter.fromPayload<RenderProgress | undefined>(payload))
          .filter((beat): beat is RenderProgress => beat?.generation === generation)
        // Workers that were lost one after the other have each left one, the earlier with less.
        const progress = heard.length > 0 ? heard.reduce((one, other) => later(one, other)) : undefined
        const back: NodeBack = { node, generation, ...(progress && { progress }) }
        return await handle.executeUpdate<boolean, [NodeBack]>(nodeBackUpdate, { args: [back] })
      })
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }
}
