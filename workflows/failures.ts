/**
 * Every reason for which a video can fail or a render can end early. The word is the `type` of the activity's
 * ApplicationFailure; who must act decides what follows in the workflow.
 *
 * client   the order itself: the video fails, with a message that its owner understands
 * world    a part is away: tried again, on any node, without end
 * service  our fault: tried again twice (three generations in all), then the video fails and the failure is logged
 */
export const failures = {
  InvalidInput: 'client',
  Cancelled: 'client',
  RunnerBusy: 'world',
  RunnerLost: 'world',
  WorkerLost: 'world',
  StorageAway: 'world',
  /** What was rendered so far cannot be gone on from, by another engine or version: rendered anew from the first chunk. */
  CheckpointRefused: 'world',
  RankFailed: 'service',
  OutOfMemory: 'service',
  NotANumber: 'service',
  BadOutput: 'service',
  Internal: 'service',
} as const satisfies Record<string, 'client' | 'world' | 'service'>

export type FailureWord = keyof typeof failures

/** The word of a failure's `type`; what is not on the list is a bug of ours. */
export function failureWord(type: string | null | undefined): FailureWord {
  return type != null && Object.hasOwn(failures, type) ? (type as FailureWord) : 'Internal'
}
