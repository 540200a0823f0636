import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { DamagedArtifact, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import { FfmpegFailed } from '../../infra/ffmpeg/ffmpeg.js'
import { networkCodes } from '../../infra/program/network-codes.js'
import { failures, type FailureCode, failureCode } from '../../workflows/failures.js'
import type { RenderProgress } from '../../workflows/progress.js'
import { runnerCallFailure } from './runner-failure.js'

/**
 * What an activity fails with; `detail` is for operators and reaches no client. The server tries again only what always is.
 * `progress` is how far a render had come.
 */
export function failure(
  code: FailureCode,
  detail: string,
  { cause, progress }: { cause?: unknown; progress?: RenderProgress } = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message: detail,
    nonRetryable: failures[code].retry !== 'always',
    ...(cause instanceof Error && { cause }),
    ...(progress && { details: [progress] }),
  })
}

/** The same failure, with how far the render had come. A cancellation carries none. */
export function withProgress(
  failed: ApplicationFailure | CancelledFailure,
  progress: RenderProgress,
): ApplicationFailure | CancelledFailure {
  if (failed instanceof CancelledFailure) return failed
  return failure(failureCode(failed.type), failed.message, { cause: failed.cause, progress })
}

/** The one place that finds the code for an error that has none yet. A cancellation stays one. */
export function failureOf(error: unknown): ApplicationFailure | CancelledFailure {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error
  if (error instanceof RunnerCallFailed) {
    const { code, detail } = runnerCallFailure(error)
    return failure(code, detail, { cause: error })
  }
  if (error instanceof DamagedArtifact)
    return failure('bad_output', `damaged on the way: ${error.message}`, { cause: error })
  if (error instanceof FfmpegFailed) return ffmpegFailure(error)
  if (isStorageAway(error))
    return failure('storage_away', `the storage did not answer: ${error.message}`, { cause: error })
  return failure('internal', error instanceof Error ? error.message : String(error), { cause: error })
}

/** Where bad input is the likely reason of a refusal, the caller says so before this is asked. */
function ffmpegFailure(error: FfmpegFailed): ApplicationFailure {
  switch (error.reason) {
    case 'interrupted':
      return failure('storage_away', 'ffmpeg lost its source', { cause: error })
    case 'aborted':
      return failure('worker_lost', 'ffmpeg was stopped', { cause: error })
    case 'timeout':
      return failure('internal', 'ffmpeg took too long', { cause: error })
    case 'refused':
      return failure('internal', error.message, { cause: error })
  }
}

/** Whatever S3 refuses it refuses to us, not to the video's owner: its own answers count as well. */
function isStorageAway(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  if (error.name === 'StorageAway' || '$metadata' in error) return true
  // A stream that ends early here is one that S3 sent; in the API it may be a client's, and is not among the codes.
  if ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE') return true
  return ('code' in error && networkCodes.has(String(error.code))) || isStorageAway(error.cause)
}
