import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { type RenderStarted, renderStartedSignal } from '../workflows/names.js'
import { abortableSleep } from './abortable-sleep.js'

const againAfterMs = 2000

/**
 * Tells a video's workflow that a node is at work on it. Temporal being away is waited for: the render goes on meanwhile,
 * and must not fail for that. Rejects when the video is no more.
 */
export async function signalStarted(
  client: Client,
  videoId: string,
  started: RenderStarted,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await client.workflow.getHandle(videoId).signal(renderStartedSignal, started)
      return
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw error
      await abortableSleep(againAfterMs, signal)
    }
  }
}

/** As `PendingActivityState` has them; the enum itself is not in the client's exports. */
const startedStates = new Set(['STARTED', 'CANCEL_REQUESTED', 2, 3])

/** Whether a render of the video is on a node, as far as Temporal knows: one lost less than its heartbeat timeout ago counts. */
export async function isRendered(client: Client, videoId: string): Promise<boolean> {
  try {
    const { raw } = await client.workflow.getHandle(videoId).describe()
    return (raw.pendingActivities ?? []).some(
      ({ activityType, state }) => activityType?.name === 'render' && startedStates.has(state ?? 0),
    )
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}
