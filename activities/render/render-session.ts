import { Context } from '@temporalio/activity'
import type { RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { chunkPlan, orderFrames } from '../../workflows/chunk-plan.js'
import type { RenderInterrupted, RenderStarted } from '../../workflows/names.js'
import { later, type RenderProgress } from '../../workflows/progress.js'
import type { AttachRequest, Rendered } from '../../workflows/video/video-activities.js'
import { failureCode } from '../../workflows/failures.js'
import { failure, failureOf, withProgress } from '../worker/activity-failure.js'
import type { FollowedJobs } from './followed-jobs.js'
import { startHeartbeats } from '../worker/heartbeats.js'
import type { RenderMetrics } from './render-metrics.js'
import { leavesJob } from '../worker/runner-failure.js'

export type RenderDependencies = {
  store: ObjectStore
  runner: RunnerClient
  node: string
  /** What this worker follows; the activity is among them while it runs. */
  followed: FollowedJobs
  /** Whether the node is to be left after the running chunk. */
  isLeaving: () => boolean
  signals: WorkflowSignals
  metrics: RenderMetrics
  log: Log
}

/** What a video's workflow is told while its render runs, sooner or later; rejects if the video is no more. */
export type WorkflowSignals = {
  started: (videoId: string, started: RenderStarted, signal: AbortSignal) => Promise<void>
  interrupted: (videoId: string, interrupted: RenderInterrupted, signal: AbortSignal) => Promise<void>
}

export type RenderPosition = Omit<RenderProgress, 'node' | 'generation' | 'doing'>

/** What a render under way may say of itself, and must obey. */
export type RenderSession = {
  /** Aborted when the activity is to end, for whatever reason. */
  signal: AbortSignal
  reportPosition: (position: RenderPosition) => void
  reportFirstChunk: (chunk: number) => void
  interrupted: (how: Pick<RenderInterrupted, 'code' | 'detail' | 'chunk' | 'step'>) => void
  /** Whether a job that was left should be ended on its runner, given why it was left. */
  endsJob: (error: unknown) => boolean
}

const heartbeatMs = 250

/**
 * What `render` and `attach` have in common: heartbeats with a position that never goes back, signals to the workflow, and the
 * reasons for which they end.
 *
 * Cancelled by the workflow, they end the job and leave the node idle first. Cut off from Temporal, asked to leave with
 * their worker, or replaced by another activity, they let the ranks go on and fail with `worker_lost`: what becomes of the job is
 * decided elsewhere.
 */
export async function withRenderSession(
  { node, runner, followed, signals }: RenderDependencies,
  { order, generation }: AttachRequest,
  doing: RenderProgress['doing'],
  work: (session: RenderSession) => Promise<Rendered>,
): Promise<Rendered> {
  const { videoId } = order
  const { steps } = order.parameters
  const { chunks } = chunkPlan(orderFrames(order))
  const { cancellationSignal } = Context.current()
  let progress: RenderProgress = { doing, node, generation, chunk: 0, chunks, step: 0, steps, secondsLeft: null }
  using follower = followed.follow({ jobId: videoId, generation })
  const signal = AbortSignal.any([cancellationSignal, follower.signal])
  using _beats = startHeartbeats(heartbeatMs, () => progress)
  // The work does not wait for it; but no render ends before its workflow knows that it began.
  const ended = new AbortController()
  const unreported = AbortSignal.any([signal, ended.signal])
  const at = Date.now()
  const started = modelOf(runner, unreported).then((model) =>
    signals.started(videoId, { node, generation, at, ...model }, unreported),
  )
  started.catch(() => {})
  const session: RenderSession = {
    signal,
    reportFirstChunk(chunk) {
      progress = later(progress, { ...progress, chunk, step: 0 })
    },
    reportPosition(position) {
      const { chunk, step } = later(progress, position)
      const isPast = chunk === position.chunk && step === position.step
      progress = { ...progress, ...position, chunk, step, doing: isPast ? 'rendering' : 'resuming' }
    },
    interrupted(how) {
      progress = { ...progress, doing: 'resuming' }
      signals.interrupted(videoId, { node, generation, at: Date.now(), ...how }, unreported).catch(() => {})
    },
    endsJob: (error) => {
      if (follower.signal.aborted) return false
      if (cancellationSignal.aborted) return Context.current().cancellationDetails?.cancelRequested === true
      const failed = failureOf(error)
      return !('type' in failed) || leavesJob(failureCode(failed.type))
    },
  }
  try {
    const rendered = await work(session)
    await started
    return rendered
  } catch (error) {
    if (Context.current().cancellationDetails?.cancelRequested) throw cancellationSignal.reason
    if (signal.aborted) throw failure('worker_lost', 'the node worker left its render', { progress })
    throw withProgress(failureOf(error), progress)
  } finally {
    ended.abort() // nobody is told of a render that is over
  }
}

/** What the node renders with, for the video's record; nothing where the runner cannot say it just now. */
async function modelOf(runner: Pick<RunnerClient, 'describe'>, signal: AbortSignal): Promise<{ model?: string }> {
  try {
    const { model } = await runner.describe({ signal })
    return model === '' ? {} : { model }
  } catch {
    return {}
  }
}
