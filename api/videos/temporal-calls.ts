import { type Client, isGrpcServiceError } from '@temporalio/client'
import { unavailable } from '../http/problems.js'

/** Left alone, the client retries an unreachable server for 23 s. Somebody waits for us. */
const answerMs = 3_000

/** gRPC's words for a server that does not answer now: cancelled, deadline exceeded, resource exhausted, unavailable. */
const awayCodes = new Set([1, 4, 8, 14])

/** A call to Temporal that ends within 3 s, with `unavailable` when the server cannot be reached. */
export async function askTemporal<T>(client: Client, call: () => Promise<T>, ms = answerMs): Promise<T> {
  try {
    return await client.withDeadline(Date.now() + ms, call)
  } catch (error) {
    throw isAway(error) ? unavailable('Temporal', error) : error
  }
}

/** Whether an error of the client, or what caused it, says that the server was not reached. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (isGrpcServiceError(error) && awayCodes.has(error.code)) || isAway(error.cause)
}

/** The same for a call that has its own deadlines: only its errors are made ours. */
export async function askTemporalOnce<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw isAway(error) ? unavailable('Temporal', error) : error
  }
}
