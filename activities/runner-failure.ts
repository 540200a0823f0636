import type { Failed, RunnerCallFailed } from '../gaudi-runner/runner-client.js'
import type { FailureWord } from '../workflows/failures.js'

/** What a runner's refusals and failures mean for a video: every case, here only. */
type Meaning = { word: FailureWord; message: string }

const reasons = {
  ENGINE: 'RankFailed',
  RANK_DIED: 'RankFailed',
  RANK_STALLED: 'RankFailed',
  NODE_FAILED: 'RunnerLost',
  BAD_INPUT: 'InvalidInput',
  OUT_OF_MEMORY: 'OutOfMemory',
  NOT_A_NUMBER: 'NotANumber',
} as const satisfies Record<Failed['reason'], FailureWord>

/** A job that ended in failure; the message is that of the rank to blame. */
export function jobFailure({ reason, message, rank }: Failed): Meaning {
  return { word: reasons[reason], message: rank < 0 ? message : `rank ${rank}: ${message}` }
}

const callFailures = {
  OK: 'Internal',
  CANCELLED: 'RunnerLost',
  UNKNOWN: 'Internal',
  INVALID_ARGUMENT: 'Internal', // we made the order and the files that it refuses
  DEADLINE_EXCEEDED: 'RunnerLost',
  NOT_FOUND: 'RunnerLost', // it no longer holds the job: it was started anew
  ALREADY_EXISTS: 'Internal',
  PERMISSION_DENIED: 'Internal',
  RESOURCE_EXHAUSTED: 'RunnerBusy',
  FAILED_PRECONDITION: 'RunnerLost', // its ranks are not ready or lack the preset, or a newer generation has taken over
  ABORTED: 'RunnerLost',
  OUT_OF_RANGE: 'Internal',
  UNIMPLEMENTED: 'Internal',
  INTERNAL: 'Internal',
  UNAVAILABLE: 'RunnerLost',
  DATA_LOSS: 'BadOutput',
  UNAUTHENTICATED: 'Internal',
} as const satisfies Record<RunnerCallFailed['status'], FailureWord>

/** A call that failed. */
export function runnerCallFailure(error: RunnerCallFailed): Meaning {
  return { word: callFailures[error.status], message: `the node's runner: ${error.message}` }
}

/** Whether the call may succeed when it is made again, since only the connection was at fault. */
export function isAway({ status }: RunnerCallFailed): boolean {
  return status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED'
}

/** A runner away for so long is lost, and the video is rendered elsewhere, milliseconds. */
export const runnerLostAfterMs = 15_000
