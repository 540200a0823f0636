import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import type { Logger } from 'pino'
import type { FailureCode } from '../../workflows/failures.js'
import { failureCodeTrailer } from './runner-call-failed.js'

/** A refusal or failure that was foreseen; its message is for operators. Every other error is a bug, and its text stays in the log. */
export class RpcError extends Error {
  readonly status: status
  readonly code: FailureCode | undefined

  constructor(status: status, message: string, code?: FailureCode) {
    super(message)
    this.name = 'RpcError'
    this.status = status
    this.code = code
  }
}

export function invalid(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message)
}

/** The only place where an error becomes a gRPC status. */
export function statusOf(error: unknown, log: Logger): StatusObject {
  const metadata = new Metadata()
  if (!(error instanceof RpcError)) {
    log.error({ event: 'rpc-failed', err: error }, 'unexpected error in a call')
    return { code: status.INTERNAL, details: 'the runner failed', metadata }
  }
  if (error.code) metadata.set(failureCodeTrailer, error.code)
  return { code: error.status, details: error.message, metadata }
}
