import type { RankFailure } from '../ranks/rank-group.js'

/** How far a job has come: finished chunks and, within the running one, finished steps. */
export type Position = { chunk: number; step: number }

/** What is remembered of a job's failures since it last got further. */
export type Setbacks = {
  /** The furthest it ever came. */
  furthest: Position | null
  /** Where it failed last; null if nothing was told of that attempt. */
  last: Position | null
  /** Failures in a row at exactly that position. */
  alike: number
  /** In a rank's own words. */
  told: number
  all: number
}

export const noSetbacks: Setbacks = { furthest: null, last: null, alike: 0, told: 0, all: 0 }

const limit = 3
/** For ranks that end without a word: whoever kills ranks now and then is not to fail a job that goes on each time. */
const silentLimit = 10

/** Getting further than ever makes up for all that was before. */
export function reached(before: Setbacks, at: Position): Setbacks {
  return before.furthest && !isBeyond(at, before.furthest) ? before : { ...noSetbacks, furthest: at }
}

/** One more failure, at the position that was told last, if one was. */
export function failedAt(
  before: Setbacks,
  at: Position | undefined,
  code: RankFailure['code'] | 'node_failed',
): Setbacks {
  const again = at !== undefined && before.last !== null && !isBeyond(at, before.last) && !isBeyond(before.last, at)
  return {
    furthest: before.furthest,
    last: at ?? null,
    alike: again ? before.alike + 1 : 1,
    told: before.told + (isSilent(code) ? 0 : 1),
    all: before.all + 1,
  }
}

/** Whether the job is to blame: three failures at the same position, or three in a rank's words without getting further. */
export function isEnough({ alike, told, all }: Setbacks): boolean {
  return alike >= limit || told >= limit || all >= silentLimit
}

export function isBeyond(a: Position, b: Position): boolean {
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
