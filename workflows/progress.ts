/**
 * What `render` and `attach` heartbeat every 250–500 ms: real positions, below 1 KB. `chunk` and `step` count finished ones; they
 * stand still while what an interruption has cost is done again.
 */
export type RenderProgress = {
  /** `resuming` from the moment something broke, or was taken up again, until steps are done again. */
  doing: 'rendering' | 'resuming'
  node: string
  generation: number
  chunk: number
  chunks: number
  step: number
  steps: number
  /** From the measured seconds per step of this very render; null until there is a measurement. */
  secondsLeft: number | null
}

/** Whole percent of the steps that are done: 0–99, since 100 is said only of a completed video. */
export function percentDone({ chunk, chunks, step, steps }: RenderProgress): number {
  const done = (chunk * steps + step) / (chunks * steps)
  return Math.max(0, Math.min(99, Math.floor(done * 100)))
}

type Position = Pick<RenderProgress, 'chunk' | 'step'>

/** The later of two positions of one video. */
export function later<P extends Position>(one: P, other: P): P {
  return other.chunk > one.chunk || (other.chunk === one.chunk && other.step > one.step) ? other : one
}
