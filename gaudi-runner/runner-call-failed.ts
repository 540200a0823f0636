import { type ServiceError, status } from '@grpc/grpc-js'

export type StatusName = keyof typeof status

/** Why a runner refused, where the gRPC status alone does not say it. */
export type Refusal = 'busy' | 'fenced' | 'not-ready' | 'not-offered' | 'draining' | 'disk'

/** The trailer that carries a `Refusal`. */
export const refusalTrailer = 'runner-refusal'

/**
 * A call to a runner that ended otherwise than with its answer.
 *
 * UNAVAILABLE: the runner is away, or went away. DEADLINE_EXCEEDED: no answer in time. The others are the runner's own
 * words, as `runner.proto` lists them. A call that was aborted by its signal rejects with the signal's reason instead.
 */
export class RunnerCallFailed extends Error {
  readonly status: StatusName
  readonly refusal: Refusal | undefined

  constructor(call: string, error: ServiceError) {
    super(`${call}: ${error.details || error.message}`, { cause: error })
    this.name = 'RunnerCallFailed'
    this.status = (status[error.code] ?? 'UNKNOWN') as StatusName
    const refusal = error.metadata.get(refusalTrailer)[0]
    this.refusal = typeof refusal === 'string' ? (refusal as Refusal) : undefined
  }
}
