import { type ServiceError, status } from '@grpc/grpc-js'

export type StatusName = keyof typeof status

/** The trailer that carries the code of a failure, where the status alone does not say it. */
export const failureCodeTrailer = 'failure-code'

/**
 * A call to a runner that ended otherwise than with its answer.
 *
 * UNAVAILABLE: the runner is away, or went away. DEADLINE_EXCEEDED: no answer in time. The others are the runner's own,
 * as `runner.proto` lists them. The message is for operators. A call that was aborted by its signal rejects with the signal's
 * reason instead.
 */
export class RunnerCallFailed extends Error {
  readonly status: StatusName
  /** As the runner sent it; one of a newer runner may be unknown here. */
  readonly code: string | undefined

  constructor(call: string, error: ServiceError) {
    super(`${call}: ${error.details || error.message}`, { cause: error })
    this.name = 'RunnerCallFailed'
    this.status = (status[error.code] ?? 'UNKNOWN') as StatusName
    const code = error.metadata.get(failureCodeTrailer)[0]
    this.code = typeof code === 'string' ? code : undefined
  }
}
