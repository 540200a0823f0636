import type { handleClientStreamingCall, handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js'
import { once } from 'node:events'
import type { Logger } from 'pino'
import { statusOf } from '../contract/rpc-error.js'

/**
 * The three kinds of call as plain functions. What grpc-js needs (cancellation, back-pressure, errors, half-closed
 * streams) lives here and nowhere else.
 */

export function unary<Req, Res>(log: Logger, method: (request: Req) => Promise<Res>): handleUnaryCall<Req, Res> {
  return (call, answer) => {
    method(call.request).then(
      (response) => answer(null, response),
      (error: unknown) => answer(statusOf(error, log)),
    )
  }
}

/** `signal` aborts when the caller leaves: nobody is told of what fails then. */
export function serverStream<Req, Res>(
  log: Logger,
  method: (request: Req, signal: AbortSignal) => AsyncIterable<Res>,
): handleServerStreamingCall<Req, Res> {
  return (call) => {
    const left = new AbortController()
    call.once('cancelled', () => left.abort())
    const send = async (): Promise<void> => {
      for await (const message of method(call.request, left.signal)) {
        if (!call.write(message)) await once(call, 'drain', { signal: left.signal })
        left.signal.throwIfAborted()
      }
      call.end()
    }
    send().catch((error: unknown) => {
      if (!left.signal.aborted) call.emit('error', statusOf(error, log))
    })
  }
}

/** The method may answer before it has read everything; `signal` aborts when the caller leaves or breaks off. */
export function clientStream<Req, Res>(
  log: Logger,
  method: (requests: AsyncIterator<Req>, signal: AbortSignal) => Promise<Res>,
): handleClientStreamingCall<Req, Res> {
  return (call, answer) => {
    const left = new AbortController()
    call.once('cancelled', () => {
      left.abort()
      call.destroy()
    })
    call.on('error', () => left.abort())
    const requests: AsyncIterator<Req> = call.iterator({ destroyOnReturn: false })
    method(requests, left.signal).then(
      (response) => answer(null, response),
      (error: unknown) => {
        if (!left.signal.aborted) answer(statusOf(error, log))
      },
    )
  }
}
