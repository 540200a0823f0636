import { Counter, Gauge, type Registry } from 'prom-client'
import type { RankMessage } from '../ranks/rank-protocol.js'
import type { Ranks } from '../ranks/ranks.js'

export type RunnerMetrics = {
  /** Counts a job by how it ended. */
  jobEnded(state: string): void
  /** A job goes on after it was broken off; `lostSteps` are rendered a second time, as far as is known. */
  resumed(after: 'ranks' | 'runner', lostSteps: number): void
  /** A job of an earlier runner was found. */
  recovered(): void
  /** A job was given up that nobody watched. */
  orphaned(): void
  /** Follows the ranks for as long as they are. */
  observe(ranks: Ranks): void
}

export function createRunnerMetrics(registry: Registry): RunnerMetrics {
  const registers = [registry]
  const ready = new Gauge({ name: 'text2video_runner_ready', help: '1 while the ranks are ready, else 0.', registers })
  const breaks = new Counter({
    name: 'text2video_runner_rank_breaks_total',
    help: 'Groups of ranks that broke, by why; each is started again.',
    labelNames: ['code'],
    registers,
  })
  const jobs = new Counter({
    name: 'text2video_runner_jobs_total',
    help: 'Jobs by how they ended.',
    labelNames: ['state'],
    registers,
  })
  const resumes = new Counter({
    name: 'text2video_runner_resumes_total',
    help: 'Jobs that went on, by what had broken off: the ranks, or the runner.',
    labelNames: ['after'],
    registers,
  })
  const lost = new Counter({
    name: 'text2video_runner_lost_steps_total',
    help: 'Denoising steps done a second time after ranks had broken.',
    registers,
  })
  const recovered = new Counter({
    name: 'text2video_runner_recovered_jobs_total',
    help: 'Jobs of an earlier runner that were found and taken up.',
    registers,
  })
  const orphaned = new Counter({
    name: 'text2video_runner_orphaned_jobs_total',
    help: 'Jobs given up since nobody watched them.',
    registers,
  })
  const steps = new Counter({ name: 'text2video_runner_steps_total', help: 'Denoising steps done.', registers })
  const forward = new Gauge({
    name: 'text2video_runner_seconds_per_forward',
    help: 'Seconds of one forward pass, as last measured.',
    registers,
  })

  return {
    jobEnded: (state) => jobs.inc({ state }),
    resumed: (after, lostSteps) => {
      resumes.inc({ after })
      lost.inc(lostSteps)
    },
    recovered: () => recovered.inc(),
    orphaned: () => orphaned.inc(),
    observe(ranks) {
      let counted = { job: '', steps: 0 }
      ranks.on('state', (state) => {
        ready.set(state.phase === 'ready' ? 1 : 0)
        if (state.phase === 'ready') forward.set(state.ready.seconds_per_forward)
      })
      ranks.on('broken', ({ code }) => {
        breaks.inc({ code })
        counted = { job: '', steps: 0 }
      })
      ranks.on('message', (message: RankMessage) => {
        if (message.type === 'speed') forward.set(message.seconds_per_forward)
        if (message.type !== 'progress') return
        const done = message.chunk * message.steps + message.step
        // What a job is told to begin with was done elsewhere, or before.
        if (message.job === counted.job) steps.inc(Math.max(0, done - counted.steps))
        counted = { job: message.job, steps: done }
      })
    },
  }
}
