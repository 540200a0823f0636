/**
 * Every reason for which a video can fail or a render can end early. The word is the `type` of the activity's
 * ApplicationFailure; who must act decides what follows in the workflow.
 *
 * client   the order itself: the video fails, with a message that its owner understands
 * world    a part is away: tried again, on any node, without end
 * service  our fault: tried again twice (three times in all), then the video fails and the failure is logged
 * runner   our fault, which the runner has tried three times itself: the video fails at once, so that an order that breaks
 *          nodes does not go round the fleet, and the failure is logged
 */
export const failures = {
  InvalidInput: 'client',
  Cancelled: 'client',
  RunnerBusy: 'world',
  RunnerLost: 'world',
  WorkerLost: 'world',
  /** The node of a render did not take it up again in time. */
  NodeGone: 'world',
  /** Left after a chunk, because its node is taken out of service. */
  Drained: 'world',
  StorageAway: 'world',
  /** What was rendered so far cannot be gone on from, by another engine or version: rendered anew from the first chunk. */
  CheckpointRefused: 'world',
  /** A finished chunk is no longer in S3 as it was made: rendered again from there on. */
  ChunkDamaged: 'world',
  RankFailed: 'runner',
  OutOfMemory: 'runner',
  NotANumber: 'runner',
  BadOutput: 'service',
  Internal: 'service',
} as const satisfies Record<string, 'client' | 'world' | 'service' | 'runner'>

export type FailureWord = keyof typeof failures

/** Ours to mend, whether or not it can be tried again. */
export const isOurFault = (word: FailureWord): boolean => failures[word] === 'service' || failures[word] === 'runner'

/** The word of a failure's `type`; what is not on the list is a bug of ours. */
export function failureWord(type: string | null | undefined): FailureWord {
  return type != null && Object.hasOwn(failures, type) ? (type as FailureWord) : 'Internal'
}
