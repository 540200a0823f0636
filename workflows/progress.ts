/** What `render` heartbeats every 250–500 ms: real positions, below 1 KB. `chunk` and `step` count finished ones. */
export type RenderProgress = {
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
