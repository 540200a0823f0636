import { ApplicationFailure } from '@temporalio/activity'
import type { JobRef } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { chunkPlan, orderFrames } from '../../workflows/chunk-plan.js'
import type { FailureCode } from '../../workflows/failures.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order } from '../../workflows/order.js'
import type { AttachRequest, Rendered, RenderRequest, VideoActivities } from '../../workflows/video/video-activities.js'
import { withRenderSession, type RenderSession, type RenderDependencies } from './render-session.js'
import { followChunks } from './follow-chunks.js'
import { runnerFiles, runnerOrder } from './runner-order.js'
import { beginLineage, chunksOf, type StoredChunks, storedChunks } from './stored-chunks.js'

export type { RenderDependencies } from './render-session.js'

/**
 * The two activities of a node. `render` sends a video to the node's runner, from the last chunk in S3 on, and follows it; `attach`
 * follows a render that the runner holds already, from wherever it is, and copies the chunks that S3 lacks.
 */
export function createRenderActivities(dependencies: RenderDependencies): Pick<VideoActivities, 'render' | 'attach'> {
  return {
    render: (request) =>
      withRenderSession(dependencies, request, request.generation > 1 ? 'resuming' : 'rendering', (session) =>
        render(dependencies, request, session),
      ),
    attach: (request) =>
      withRenderSession(dependencies, request, 'resuming', (session) => attach(dependencies, request, session)),
  }
}

async function render(
  dependencies: RenderDependencies,
  request: RenderRequest,
  session: RenderSession,
): Promise<Rendered> {
  const { store, runner, metrics } = dependencies
  const { order, generation } = request
  const job = jobOf(request)
  const log = logOf(dependencies, job)
  const done = await storedChunks(store, order.videoId)
  if (isWhole(order, done)) return renderedOf(done)
  await beginLineage(store, order.videoId, generation, done)
  const firstChunk = done.lineage.length
  const timed = metrics.renderSeconds.startTimer()
  try {
    const rendered = await followChunks(dependencies, { job, done, session, log }, async (signal) => {
      await runner.submit(runnerOrder(request, firstChunk), runnerFiles(store, request, done), { signal })
      log.info({ event: 'submitted', firstChunk }, `the runner renders from chunk ${firstChunk} on`)
    })
    timed()
    return rendered
  } catch (error) {
    throw isCheckpointRefused(error) ? await withoutChunks(store, order.videoId, error) : error
  }
}

async function attach(
  dependencies: RenderDependencies,
  request: AttachRequest,
  session: RenderSession,
): Promise<Rendered> {
  const { store, metrics } = dependencies
  const job = jobOf(request)
  const log = logOf(dependencies, job)
  const done = await chunksOf(store, job.jobId, job.generation)
  // A render that ended unheard has left everything there, and the runner has forgotten it.
  if (isWhole(request.order, done)) return renderedOf(done)
  metrics.reattaches.inc()
  log.info({ event: 'attached', chunks: done.lineage.length }, 'following the render that the runner holds')
  return await followChunks(dependencies, { job, done, session, log }, async () => {})
}

const jobOf = ({ order, generation }: AttachRequest): JobRef => ({ jobId: order.videoId, generation })

const logOf = ({ log }: RenderDependencies, { jobId, generation }: JobRef): Log =>
  log.child({ video: jobId, generation })

const isWhole = (order: Order, { lineage }: StoredChunks): boolean =>
  lineage.length >= chunkPlan(orderFrames(order)).chunks

const renderedOf = ({ lineage, last }: StoredChunks): Rendered => ({
  lineage: [...lineage],
  frames: last?.framesSoFar ?? 0,
})

/** The checkpoint is that of another engine or version. Without it the next generation starts at the first chunk. */
async function withoutChunks(store: ObjectStore, videoId: string, refusal: unknown): Promise<unknown> {
  await store.removeAll(objectKeys.chunks(videoId))
  return refusal
}

function isCheckpointRefused(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === ('checkpoint_refused' satisfies FailureCode)
}
