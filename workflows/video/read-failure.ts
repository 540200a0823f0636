import { ActivityFailure, ApplicationFailure, TimeoutFailure, TimeoutType } from '@temporalio/common'
import { isCancellation } from '@temporalio/workflow'
import { type FailureCode, failureCode } from '../failures.js'
import type { RenderProgress } from '../progress.js'

/** An activity's failure as the workflow decides on it. `progress` is how far a render had come, where that is known. */
export type ReadFailure = {
  code: FailureCode
  /** For operators: the failure's own text. */
  detail: string
  progress: RenderProgress | undefined
  /** It went silent; a worker that leaves in good order says so. */
  silent?: boolean
}

/** Reads the failure of an activity. What is no activity failure (a cancellation, a bug in the workflow) is thrown on. */
export function readFailure(error: unknown): ReadFailure {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error
  const { cause } = error
  if (cause instanceof TimeoutFailure) {
    const progress = progressIn(cause.lastHeartbeatDetails)
    if (cause.timeoutType === TimeoutType.SCHEDULE_TO_START)
      return { code: 'node_gone', detail: 'the node did not take its render up again', progress }
    const detail = `the worker that did ${error.activityType} was not heard of any more`
    return { code: 'worker_lost', detail, progress, silent: true }
  }
  if (cause instanceof ApplicationFailure) {
    // The SDK's own type for a worker that is stopped in the middle of an activity.
    const code = cause.type === 'WorkerShutdown' ? 'worker_lost' : failureCode(cause.type)
    return { code, detail: cause.message, progress: progressIn(cause.details?.[0]) }
  }
  return { code: 'internal', detail: cause?.message ?? error.message, progress: undefined }
}

function progressIn(details: unknown): RenderProgress | undefined {
  return typeof details === 'object' && details !== null && 'chunks' in details
    ? (details as RenderProgress)
    : undefined
}
