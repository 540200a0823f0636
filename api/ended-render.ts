import type { Client, WorkflowExecutionDescription } from '@temporalio/client'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { percentDone, type RenderProgress } from '../workflows/progress.js'
import { askTemporal } from './temporal-calls.js'

/** The end of an activity is among the newest events while its workflow has not spoken since. */
const newest = 10

/**
 * How far, in percent, the render had come that ended last; asked while the workflow's workers are away and have not taken the end
 * into the memo: without it progress would fall to what an earlier attempt had reached. 0 when no render has ended.
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
  for (const event of history?.events ?? []) {
    const completed = event.activityTaskCompletedEventAttributes
    if (completed != null) return isVideo(completed.result?.payloads?.[0]) ? 99 : 0
    const ended = event.activityTaskTimedOutEventAttributes ?? event.activityTaskFailedEventAttributes
    if (ended == null) continue
    // One that got nowhere is the last all the same: what ended before it is in the memo.
    const { timeoutFailureInfo, applicationFailureInfo } = ended.failure ?? {}
    const payload = (timeoutFailureInfo?.lastHeartbeatDetails ?? applicationFailureInfo?.details)?.payloads?.[0]
    return payload == null ? 0 : percentIn(defaultPayloadConverter.fromPayload(payload))
  }
  return 0
}

/** Whether an activity gave all frames: the render, or the assembly after it; the preparation before gives inputs. */
function isVideo(result: Payload | undefined): boolean {
  const made: unknown = result && defaultPayloadConverter.fromPayload(result)
  return typeof made === 'object' && made !== null && 'frames' in made
}

function percentIn(details: unknown): number {
  const isProgress = typeof details === 'object' && details !== null && 'chunks' in details
  return isProgress ? percentDone(details as RenderProgress) : 0
}
