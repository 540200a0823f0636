import type { Sinks } from '@temporalio/workflow'
import type { FailureWord } from './failures.js'
import type { Phase } from './video.js'

/** What the workflow tells its worker, which counts it: outside of the history, and not again when that is replayed. */
export interface VideoSinks extends Sinks {
  videos: {
    /** A video is completed, failed or cancelled. */
    ended(phase: Phase, failure: FailureWord | undefined): void
  }
}
