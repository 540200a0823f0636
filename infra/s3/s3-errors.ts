import { networkCodes } from '../program/network-codes.js'

/** S3 cannot be reached or is not able to answer now: the same call may succeed later. The cause says what happened. */
export class StorageAway extends Error {
  override readonly name = 'StorageAway'
  constructor(cause: unknown) {
    super(`S3 is away: ${cause instanceof Error ? cause.message || cause.name : String(cause)}`, { cause })
  }
}

/** The error to throw for one that the SDK threw once its own attempts were used up. */
export function storageError(error: unknown): unknown {
  const status = statusOf(error)
  const away =
    (status !== undefined && (status >= 500 || status === 429)) ||
    (error instanceof Error &&
      (error.name === 'TimeoutError' ||
        // Our clock has just jumped: of several calls at once, the client corrects itself by one alone.
        error.name === 'RequestTimeTooSkewed' ||
        ('code' in error && typeof error.code === 'string' && networkCodes.has(error.code))))
  return away ? new StorageAway(error) : error
}

/** The HTTP status of an error of the SDK. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata as { httpStatusCode?: number }
  return metadata.httpStatusCode
}

/** Runs a call to S3, with its errors made ours. */
export async function calling<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw storageError(error)
  }
}

/** The same with a limit of its own; what takes longer counts as away. */
export async function callingWithin<T>(ms: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(ms)
  try {
    return await call(signal)
  } catch (error) {
    throw signal.aborted ? new StorageAway(signal.reason) : storageError(error)
  }
}
