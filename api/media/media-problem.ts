import { FfmpegFailed } from '../../infra/ffmpeg/ffmpeg.js'
import { type Problem, unavailable } from '../http/problems.js'

/** What a failed ffmpeg means for the request that it ran for. */
export function mediaProblem(error: unknown, signal: AbortSignal, refusal: () => Problem): unknown {
  signal.throwIfAborted()
  if (!(error instanceof FfmpegFailed)) return error
  switch (error.reason) {
    case 'refused':
    case 'timeout': // no honest file of these sizes takes so long
      return refusal()
    case 'aborted':
    case 'interrupted':
      return unavailable('the object store', error)
  }
}
