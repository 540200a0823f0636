import { Counter, Histogram, type Registry } from 'prom-client'
import type { RenderProgress } from '../workflows/progress.js'

type Position = Pick<RenderProgress, 'chunk' | 'step' | 'steps'>

export type RenderMetrics = {
  /** Of renders that succeeded, from the activity's start. */
  renderSeconds: Histogram
  /** `rate(text2video_steps_total[1m])` is the node's steps per second. */
  countSteps: (from: Position, to: Position) => void
}

export function createRenderMetrics(registry: Registry): RenderMetrics {
  const steps = new Counter({
    name: 'text2video_steps_total',
    help: 'Denoising steps finished on this node',
    registers: [registry],
  })
  return {
    renderSeconds: new Histogram({
      name: 'text2video_render_seconds',
      help: 'Length of renders that succeeded',
      buckets: [1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600, 14_400],
      registers: [registry],
    }),
    // A new attempt starts below where an earlier one was: that is no step back in work done.
    countSteps: (from, to) => steps.inc(Math.max(0, stepsDone(to) - stepsDone(from))),
  }
}

const stepsDone = ({ chunk, step, steps }: Position): number => chunk * steps + step
