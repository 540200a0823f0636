import type { Client, WorkflowExecutionDescription } from '@temporalio/client'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { percentDone, type RenderProgress } from '../../workflows/progress.js'
import { askTemporal } from './temporal-calls.js'

/** As many events as there are at most since a workflow spoke whose workers are away: ends, signals, tasks that ran out. */
const newest = 50

/**
 * How far, in percent, the renders had come that ended since the workflow spoke; asked while its workers are away and have not taken
 * that into the memo: without it progress would fall to what an earlier attempt had reached. Of several, as when a lost worker's
 * render times out after another has finished it, the furthest counts. 0 when none has ended.
 */
export async function reachedByEndedRender(
  client: Client,
  { workflowId, runId }: Pick<WorkflowExecutionDescription, 'workflowId' | 'runId'>,
): Promise<number> {
  const { history } = await askTemporal(client, () =>
    client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: newest,
    }),
  )
  let reached = 0
  for (const event of history?.events ?? []) {
    if (event.workflowTaskCompletedEventAttributes) break // what ended before it is in the memo
    const completed = event.activityTaskCompletedEventAttributes
    if (isVideo(completed?.result?.payloads?.[0])) reached = Math.max(reached, 99)
    const ended = event.activityTaskTimedOutEventAttributes ?? event.activityTaskFailedEventAttributes
    const { timeoutFailureInfo, applicationFailureInfo } = ended?.failure ?? {}
    const payload = (timeoutFailureInfo?.lastHeartbeatDetails ?? applicationFailureInfo?.details)?.payloads?.[0]
    if (payload != null) reached = Math.max(reached, percentIn(defaultPayloadConverter.fromPayload(payload)))
  }
  return reached
}

/** Whether an activity gave all frames: the render, or the assembly after it; the preparation before gives inputs. */
function isVideo(result: Payload | null | undefined): boolean {
  const made: unknown = result && defaultPayloadConverter.fromPayload(result)
  return typeof made === 'object' && made !== null && 'frames' in made
}

function percentIn(details: unknown): number {
  const isProgress = typeof details === 'object' && details !== null && 'chunks' in details
  return isProgress ? percentDone(details as RenderProgress) : 0
}
