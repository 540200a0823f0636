import type { RankFailure } from '../ranks/rank-group.js'

/** How far a job has come: finished chunks and, within the running one, finished steps. */
export type StepPosition = { chunk: number; step: number }

/** What is remembered of a job's failures since it last got further. */
export type FailureHistory = {
  /** The furthest it ever came. */
  furthest: StepPosition | null
  /** Where it failed last; null if nothing was reported of that attempt. */
  last: StepPosition | null
  /** Failures in a row at exactly that position. */
  sameInARow: number
  /** In a rank's own words. */
  reported: number
  total: number
}

export const noFailures: FailureHistory = { furthest: null, last: null, sameInARow: 0, reported: 0, total: 0 }

const limit = 3
/** For ranks that end without a word: whoever kills ranks now and then is not to fail a job that goes on each time. */
const silentLimit = 10

/** Getting further than ever makes up for all that was before. */
export function reached(before: FailureHistory, at: StepPosition): FailureHistory {
  return before.furthest && !isBeyond(at, before.furthest) ? before : { ...noFailures, furthest: at }
}

/** One more failure, at the position that was reported last, if one was. */
export function failedAt(
  before: FailureHistory,
  at: StepPosition | undefined,
  code: RankFailure['code'] | 'node_failed',
): FailureHistory {
  const again = at !== undefined && before.last !== null && !isBeyond(at, before.last) && !isBeyond(before.last, at)
  return {
    furthest: before.furthest,
    last: at ?? null,
    sameInARow: again ? before.sameInARow + 1 : 1,
    reported: before.reported + (isSilent(code) ? 0 : 1),
    total: before.total + 1,
  }
}

/** Whether the job is to blame: three failures at the same position, or three in a rank's words without getting further. */
export function isEnough({ sameInARow, reported, total }: FailureHistory): boolean {
  return sameInARow >= limit || reported >= limit || total >= silentLimit
}

function isBeyond(a: StepPosition, b: StepPosition): boolean {
  return a.chunk > b.chunk || (a.chunk === b.chunk && a.step > b.step)
}

/** An end that may have come from outside: killed, stopped, restarted. */
function isSilent(code: RankFailure['code'] | 'node_failed'): boolean {
  switch (code) {
    case 'rank_died':
    case 'rank_stalled':
    case 'node_failed':
      return true
    case 'rank_failed':
    case 'out_of_memory':
    case 'not_a_number':
    case 'disk_full':
      return false
  }
}
