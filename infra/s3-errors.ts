/** S3 cannot be reached or is not able to answer now: the same call may succeed later. The cause says what happened. */
export class StorageAway extends Error {
  override readonly name = 'StorageAway'
  constructor(cause: unknown) {
    super(`S3 is away: ${cause instanceof Error ? cause.message || cause.name : String(cause)}`, { cause })
  }
}

const networkCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'ERR_SOCKET_CONNECTION_TIMEOUT'],
])

/** The error to throw for one that the SDK threw once its own attempts were used up. */
export function storageError(error: unknown): unknown {
  const status = statusOf(error)
  const away =
    (status !== undefined && (status >= 500 || status === 429)) ||
    (error instanceof Error &&
      (isTimeout(error) ||
        isTimeout(error.cause) ||
        ('code' in error && typeof error.code === 'string' && networkCodes.has(error.code))))
  return away ? new StorageAway(error) : error
}

/** Of the SDK, or of an `AbortSignal.timeout` with which it was called. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
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
