import { Counter, Gauge, type Registry } from 'prom-client'
import type { RankWord } from './rank-protocol.js'
import type { Ranks } from './ranks.js'

export type RunnerMetrics = {
  /** Counts a job by how it ended. */
  jobEnded(state: string): void
  /** Follows the ranks for as long as they are. */
  observe(ranks: Ranks): void
}

export function createRunnerMetrics(registry: Registry): RunnerMetrics {
  const registers = [registry]
  const ready = new Gauge({ name: 'runner_ready', help: '1 while the ranks are ready', registers })
  const breaks = new Counter({
    name: 'runner_rank_breaks_total',
    help: 'Groups of ranks that broke, by why; each is started again',
    labelNames: ['reason'],
    registers,
  })
  const jobs = new Counter({
    name: 'runner_jobs_total',
    help: 'Jobs by how they ended',
    labelNames: ['state'],
    registers,
  })
  const steps = new Counter({ name: 'runner_steps_total', help: 'Denoising steps done', registers })
  const forward = new Gauge({
    name: 'runner_seconds_per_forward',
    help: 'Seconds of one forward pass, newest measurement',
    registers,
  })

  return {
    jobEnded: (state) => jobs.inc({ state }),
    observe(ranks) {
      let counted = { job: '', steps: 0 }
      ranks.on('state', (state) => {
        ready.set(state.phase === 'ready' ? 1 : 0)
        if (state.phase === 'ready') forward.set(state.ready.seconds_per_forward)
      })
      ranks.on('broken', ({ reason }) => {
        breaks.inc({ reason })
        counted = { job: '', steps: 0 }
      })
      ranks.on('word', (word: RankWord) => {
        if (word.type === 'speed') forward.set(word.seconds_per_forward)
        if (word.type !== 'progress') return
        const done = word.chunk * word.steps + word.step
        // A job may start at a later chunk: those before it were done elsewhere.
        const before = word.job === counted.job ? counted.steps : word.chunk * word.steps
        steps.inc(Math.max(0, done - before))
        counted = { job: word.job, steps: done }
      })
    },
  }
}
