import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow'
import { chunkPlan, orderFrames } from '../chunk-plan.js'
import { nodeQueue, queues } from '../names.js'
import type { Order } from '../order.js'
import { counted } from '../plural.js'
import type { Rendered, RenderedReference, VideoActivities } from './video-activities.js'

/**
 * What is done about a video's picture track.
 *
 * render   a new generation, on whichever node is free: it sends the inputs and goes on from the last chunk in S3
 * attach   the same generation, on the node whose runner goes on with it: it sends nothing, and follows
 */
export type RenderAttempt = { generation: number; why?: string } & (
  | { kind: 'render' }
  | { kind: 'attach'; node: string; withinMs: number }
)

/** A render that was begun goes before all that wait: somebody has been waiting for it longest. */
const firstPriority = 1

/** How long a node may be silent before it is given up. A Temporal outage up to this length costs a render nothing. */
const silenceMs = 30_000

const following = {
  // Longer than any video takes; no limit to the wait for a node.
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: silenceMs,
  // What follows is decided by the workflow: a retry of the server's would go to the back of the queue.
  retry: { maximumAttempts: 1 },
  // A cancelled render is over when its node is idle, not when it was asked to stop.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const

export function runAttempt(attempt: RenderAttempt, order: Order, reference: RenderedReference): Promise<Rendered> {
  const { generation } = attempt
  const summary = summaryOf(attempt, order)
  switch (attempt.kind) {
    case 'render': {
      const { render } = proxyActivities<Pick<VideoActivities, 'render'>>({
        ...following,
        taskQueue: queues.gaudi,
        summary,
        ...(generation > 1 && { priority: { priorityKey: firstPriority } }),
      })
      return render({ order, reference, generation })
    }
    case 'attach': {
      const { attach } = proxyActivities<Pick<VideoActivities, 'attach'>>({
        ...following,
        taskQueue: nodeQueue(attempt.node),
        // A node that is up takes it within milliseconds, and is heard of at once. One that stands still has its connection
        // open, and the server hands it the task: it gets no second silence of the full length (measured: 60 s for both).
        scheduleToStartTimeout: attempt.withinMs,
        heartbeatTimeout: Math.min(silenceMs, attempt.withinMs),
        summary,
        priority: { priorityKey: firstPriority },
      })
      return attach({ order, generation })
    }
  }
}

/** For the web UI, below its 400 bytes. */
function summaryOf(attempt: RenderAttempt, order: Order): string {
  const { chunks } = chunkPlan(orderFrames(order))
  const what =
    attempt.kind === 'render'
      ? `generation ${attempt.generation}: ${counted(chunks, 'chunk')} × ${counted(order.parameters.steps, 'step')}`
      : `generation ${attempt.generation}, again on ${attempt.node}`
  return attempt.why === undefined ? what : `${what}, since ${attempt.why}`.slice(0, 250)
}
