import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import type { Logger } from 'pino'
import { type Refusal, refusalTrailer } from './runner-call-failed.js'

/** An error written for the caller to read; every other one is a bug, and its text stays in the log. */
export class RpcError extends Error {
  readonly code: status
  readonly refusal: Refusal | undefined

  constructor(code: status, message: string, refusal?: Refusal) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.refusal = refusal
  }
}

export function invalid(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message)
}

/** The only place where an error becomes a gRPC status. */
export function statusOf(error: unknown, log: Logger): StatusObject {
  const metadata = new Metadata()
  if (!(error instanceof RpcError)) {
    log.error({ event: 'rpc-failed', error }, 'unexpected error in a call')
    return { code: status.INTERNAL, details: 'the runner failed', metadata }
  }
  if (error.refusal) metadata.set(refusalTrailer, error.refusal)
  return { code: error.code, details: error.message, metadata }
}
