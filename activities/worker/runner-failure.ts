import type { Failed, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import { type FailureCode, failureCode } from '../../workflows/failures.js'

/** What a runner's refusals and failures mean for a video; `detail` is for operators. */
type RunnerFailure = { code: FailureCode; detail: string }

/** A job that ended in failure, or broke off; the detail is that of the rank to blame. */
export function jobFailure({ code, detail, rank }: Pick<Failed, 'code' | 'detail' | 'rank'>): RunnerFailure {
  return { code: failureCode(code), detail: rank < 0 ? detail : `rank ${rank}: ${detail}` }
}

/** Where the runner gave no code of its own: it is away, or the status says it all. */
const ofStatus = {
  OK: 'internal',
  CANCELLED: 'runner_lost',
  UNKNOWN: 'internal',
  INVALID_ARGUMENT: 'internal', // we made the order and the files that it refuses
  DEADLINE_EXCEEDED: 'runner_lost',
  NOT_FOUND: 'runner_lost', // it no longer holds the job: it was started anew
  ALREADY_EXISTS: 'internal',
  PERMISSION_DENIED: 'internal',
  RESOURCE_EXHAUSTED: 'runner_busy',
  FAILED_PRECONDITION: 'runner_lost',
  ABORTED: 'runner_lost',
  OUT_OF_RANGE: 'internal',
  UNIMPLEMENTED: 'internal',
  INTERNAL: 'internal',
  UNAVAILABLE: 'runner_lost',
  DATA_LOSS: 'bad_output',
  UNAUTHENTICATED: 'internal',
} as const satisfies Record<RunnerCallFailed['status'], FailureCode>

/** A call that failed. */
export function runnerCallFailure({ code, status, message }: RunnerCallFailed): RunnerFailure {
  return { code: code === undefined ? ofStatus[status] : failureCode(code), detail: `the node's runner: ${message}` }
}

/** Codes with which a runner is away, or refuses a job: there is none of ours to be ended on it. */
const notHolding: ReadonlySet<FailureCode> = new Set<FailureCode>([
  ...(['runner_lost', 'runner_busy', 'runner_not_ready', 'runner_draining', 'generation_fenced'] as const),
  ...(['preset_not_offered'] as const),
])

/** Whether the render's failure leaves a job on its runner that must be ended there. */
export const leavesJob = (code: FailureCode): boolean => !notHolding.has(code)

/** Whether the call may succeed when it is made again, since only the connection was at fault. */
export function isAway({ status }: RunnerCallFailed): boolean {
  return status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED'
}

/** A runner away for so long is lost, and the video is rendered elsewhere, milliseconds. */
export const runnerLostAfterMs = 15_000
