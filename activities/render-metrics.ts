import { Counter, Histogram, type Registry } from 'prom-client'
import type { RenderProgress } from '../workflows/progress.js'

type Position = Pick<RenderProgress, 'chunk' | 'step' | 'steps'>

export type RenderMetrics = {
  /** Of renders that succeeded, from the activity's start. */
  renderSeconds: Histogram
  /** `rate(text2video_steps_total[1m])` is the node's steps per second. */
  countSteps: (from: Position, to: Position) => void
  /** Renders that were taken up again on their node. */
  reattaches: Counter
  /** Times that the ranks broke and went on by themselves. */
  resumes: Counter
  /** Steps that had been done and had to be done again. */
  lostSteps: Counter
  /** Jobs that were ended because nobody wanted them from this node. */
  orphans: Counter
}

export function createRenderMetrics(registry: Registry): RenderMetrics {
  const steps = new Counter({
    name: 'text2video_steps_total',
    help: 'Denoising steps finished on this node',
    registers: [registry],
  })
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] })
  return {
    reattaches: counter('text2video_reattaches_total', 'Renders taken up again on this node without being sent anew'),
    resumes: counter('text2video_resumes_total', 'Renders that broke on this node and were resumed by its runner'),
    lostSteps: counter('text2video_lost_steps_total', 'Denoising steps that had to be done again'),
    orphans: counter('text2video_orphans_total', 'Renders ended because their video no longer wanted them from here'),
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

export const stepsDone = ({ chunk, step, steps }: Position): number => chunk * steps + step
