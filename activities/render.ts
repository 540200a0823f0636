import { Context } from '@temporalio/activity'
import type { RunnerClient } from '../gaudi-runner/runner-client.js'
import type { Log } from '../infra/log.js'
import type { ObjectStore } from '../infra/object-store.js'
import { chunkPlan, orderFrames } from '../workflows/chunk-plan.js'
import type { RenderStarted } from '../workflows/names.js'
import type { RenderProgress } from '../workflows/progress.js'
import type { Rendered, RenderRequest, VideoActivities } from '../workflows/video-activities.js'
import { storedChunks } from './chunk-store.js'
import { failure, failureOf, withProgress } from './failure.js'
import { startHeartbeats } from './heartbeats.js'
import type { RenderMetrics } from './render-metrics.js'
import { renderOnRunner } from './render-on-runner.js'

export type RenderDependencies = {
  store: ObjectStore
  runner: RunnerClient
  node: string
  /** Tells the video's workflow that a node is at work on it, sooner or later; rejects if the video is no more. */
  signalStarted: (videoId: string, started: RenderStarted, signal: AbortSignal) => Promise<void>
  metrics: RenderMetrics
  log: Log
}

const heartbeatMs = 250

/**
 * Renders a video on this node, from the last chunk in S3 on.
 *
 * Cancelled by the workflow, it stops the ranks and leaves the node idle before it ends. Cut off from Temporal or asked to
 * leave with its worker, it lets the ranks go on and fails with WorkerLost: what becomes of the job is decided elsewhere.
 */
export function createRenderActivities(dependencies: RenderDependencies): Pick<VideoActivities, 'render'> {
  return { render: (request) => render(dependencies, request) }
}

async function render(dependencies: RenderDependencies, request: RenderRequest): Promise<Rendered> {
  const { store, node, signalStarted, metrics } = dependencies
  const { order, generation } = request
  const { chunks } = chunkPlan(orderFrames(order))
  const { cancellationSignal } = Context.current()
  let progress: RenderProgress = { node, generation, chunk: 0, chunks, step: 0, steps: order.steps, secondsLeft: null }
  using _beats = startHeartbeats(heartbeatMs, () => progress)
  const timed = metrics.renderSeconds.startTimer()
  // The work does not wait for it; but no render ends before its workflow knows that it began.
  const given = new AbortController()
  const ended = AbortSignal.any([cancellationSignal, given.signal])
  const started = signalStarted(order.videoId, { node, generation, at: Date.now() }, ended)
  started.catch(() => {})
  try {
    const done = await storedChunks(store, order.videoId)
    progress = { ...progress, chunk: done.count }
    let frames = done.last?.framesSoFar ?? 0
    if (done.count < chunks) {
      frames = await renderOnRunner(dependencies, request, done, (next) => {
        metrics.countSteps(progress, next)
        progress = { ...progress, ...next }
      })
    }
    await started
    timed()
    return { chunks, frames }
  } catch (error) {
    if (Context.current().cancellationDetails?.cancelRequested) throw cancellationSignal.reason
    if (cancellationSignal.aborted) throw failure('WorkerLost', 'the node worker left its render', { progress })
    throw withProgress(failureOf(error), progress)
  } finally {
    given.abort() // nobody is told of a render that is over
  }
}
