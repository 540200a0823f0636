/**
 * Every reason for which a video fails or a render ends early, spelt alike from the rank that finds it to the client's `error_code`.
 *
 * Two things travel side by side and never mix: the code, and `detail`, a text for operators (an exception's, with paths and
 * addresses). The detail goes to the log, to the workflow's history and to its memo; a client gets what `told` says. The way:
 *
 *   `pipeline/failures.py` → `rank-protocol.ts` → `runner.proto` (`Failed`, `Interrupted`, trailer `failure-code`)
 *   → `activities/render/runner-failure.ts`, `activities/worker/activity-failure.ts` (`ApplicationFailure`: type and message)
 *   → `read-failure.ts` → `video-record.ts` (memo, `VideoErrorCode`) → `api/videos/present-video.ts`
 *
 * What a rank can say is held equal to the Python side by `test/fixtures/rank-failures.json`; `docs/errors.md` lists all (tested).
 */
type Failure = {
  meaning: string
  /** Who can do something about it. */
  actor: 'client' | 'operator' | 'nobody'
  /**
   * `never`   the video fails at once: the same again would end the same (the runner has tried what ranks do three times itself)
   * `thrice`  a fault of ours that may pass: the piece of work is done three times in all
   * `always`  a part is away or in the way: tried on, on any node, without end
   */
  retry: 'never' | 'thrice' | 'always'
  /** What the client reads as `error`, with what to do where the client can act; null for what never ends a video. */
  told: string | null
}

const ofClient = { actor: 'client', retry: 'never' } as const
const ours = { actor: 'operator', retry: 'never' } as const
const oursTriedAgain = { actor: 'operator', retry: 'thrice' } as const
const waitsForOperator = { actor: 'operator', retry: 'always', told: null } as const
const passes = { actor: 'nobody', retry: 'always', told: null } as const
const askOperator = 'the operator finds the reason under the id of the video'

export const failures = {
  reference_unreadable: {
    ...ofClient,
    meaning: 'the reference cannot be decoded as it must be for rendering',
    told: 'the reference could not be decoded; save it anew as PNG, JPEG or MP4 (H.264) and order again',
  },
  voice_unreadable: {
    ...ofClient,
    meaning: 'a voice cannot be decoded to its end',
    told: 'a voice could not be decoded to its end; save it anew as WAV and order again',
  },
  voice_silent: {
    ...ofClient,
    meaning: 'a voice holds no sound',
    told: 'a voice holds no sound; record it anew and order again',
  },
  box_unusable: {
    ...ofClient,
    meaning: 'the boxes leave a person or the background without a token',
    told: "the boxes of 'bbox' leave too little of the picture to a person or to the background; change them and order again",
  },
  cancelled: {
    ...ofClient,
    meaning: 'the video was cancelled by its owner, or in the web UI',
    told: 'cancelled',
  },
  order_refused: {
    ...ours,
    meaning: 'the ranks refuse an order or an input that was found good before',
    told: `the order does not fit the renderer, by a fault of ours; ${askOperator}`,
  },
  rank_failed: {
    ...ours,
    meaning: 'a rank threw three times without getting any further',
    told: `rendering failed three times without getting any further; ${askOperator}`,
  },
  rank_died: {
    ...ours,
    meaning: 'a rank ended without a word, again and again',
    told: `rendering broke off again and again; ${askOperator}`,
  },
  rank_stalled: {
    ...ours,
    meaning: 'a rank stood still, again and again',
    told: `rendering came to a standstill again and again; ${askOperator}`,
  },
  out_of_memory: {
    ...ours,
    meaning: "a device's memory is full, three times",
    told: `the video needs more memory than the node has; a smaller size may help, and ${askOperator}`,
  },
  not_a_number: {
    ...ours,
    meaning: 'the computation gave numbers that are not finite',
    told: `the computation gave no valid picture; another seed or lower guide scales may help, and ${askOperator}`,
  },
  bad_output: {
    ...oursTriedAgain,
    meaning: 'what was made is not what was to be made: length, size, digest',
    told: `what was made did not pass its check; ${askOperator}`,
  },
  internal: {
    ...oursTriedAgain,
    meaning: 'a bug, or an error that nobody foresaw',
    told: `something failed on our side; ${askOperator}`,
  },
  cannot_start: { ...waitsForOperator, meaning: 'the ranks refuse to start with these weights, settings or cards' },
  node_failed: {
    ...waitsForOperator,
    meaning: 'the node cannot go on: files of the job are gone, or its ranks do not come up',
  },
  disk_full: { ...waitsForOperator, meaning: "the node's disk takes no more" },
  storage_away: { ...waitsForOperator, meaning: 'the object store does not answer, or refuses us' },
  preset_not_offered: {
    ...waitsForOperator,
    meaning: 'the node lacks the weights of the preset; another may have them',
  },
  runner_busy: { ...passes, meaning: 'the runner holds another job' },
  runner_not_ready: { ...passes, meaning: 'the ranks of the node are not up' },
  runner_draining: { ...passes, meaning: 'the runner is being stopped' },
  runner_lost: { ...passes, meaning: 'the runner is away, or no longer holds the job' },
  generation_fenced: { ...passes, meaning: 'a newer generation of the render was seen on the node' },
  worker_lost: { ...passes, meaning: 'a worker left or fell silent in the middle of its work' },
  node_gone: { ...passes, meaning: 'the node of a render did not take it up again in time' },
  node_drained: {
    ...passes,
    meaning: 'the render left its node after a chunk, because the node is taken out of service',
  },
  checkpoint_refused: {
    ...passes,
    meaning: 'what was rendered so far is of another engine or version: rendered anew from the first chunk',
  },
  chunk_damaged: { ...passes, meaning: 'a finished chunk is not in S3 as it was made: rendered again from there on' },
} as const satisfies Record<string, Failure>

export type FailureCode = keyof typeof failures

/** The codes that can end a video: what `error_code` can be. */
export type EndingCode = {
  [Code in FailureCode]: (typeof failures)[Code]['told'] extends string ? Code : never
}[FailureCode]

export const endingCodes: readonly EndingCode[] = Object.keys(failures).filter(
  (code): code is EndingCode => failures[code as FailureCode].told !== null,
)

/** Ours to mend: an operator should look, since no other try went well. */
export const isOurFault = (code: FailureCode): boolean =>
  failures[code].actor === 'operator' && failures[code].retry !== 'always'

/** The code in a failure's `type`, or in a message from elsewhere; what is not on the list is a bug of ours. */
export function failureCode(type: string | null | undefined): FailureCode {
  return type != null && Object.hasOwn(failures, type) ? (type as FailureCode) : 'internal'
}

/** The code with which a video ends. One that should have been tried on is a bug of ours. */
export function endingCode(code: FailureCode): EndingCode {
  return failures[code].told === null ? 'internal' : (code as EndingCode)
}
