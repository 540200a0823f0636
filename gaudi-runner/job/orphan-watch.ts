import type { Logger } from 'pino'
import type { JobSlot } from './job-slot.js'
import type { RunnerMetrics } from './runner-metrics.js'

export type OrphanWatchOptions = {
  slot: JobSlot
  orphanMs: number
  metrics: Pick<RunnerMetrics, 'orphaned'>
  log: Logger
}

/**
 * Frees the node from a job that nobody watches any more, running or ended: its workflow has gone on elsewhere, from the
 * newest chunk that was fetched, or is gone. A runner that was started again counts from its start.
 */
export class OrphanWatch implements Disposable {
  readonly #timer: NodeJS.Timeout

  constructor({ slot, orphanMs, metrics, log }: OrphanWatchOptions) {
    let busy = false
    const look = async (): Promise<void> => {
      const job = slot.held
      if (!job || busy || job.unwatchedMs < orphanMs) return
      busy = true
      try {
        const { jobId, generation } = job.name
        const fields = { event: 'job-orphaned', video: jobId, generation, state: job.state }
        log.warn(fields, `nobody has watched the job for ${orphanMs / 60_000} min: it is given up`)
        metrics.orphaned()
        await slot.abort(job.name)
        await slot.release(job.name)
      } finally {
        busy = false
      }
    }
    this.#timer = setInterval(
      () => {
        look().catch((err: unknown) => log.error({ event: 'orphan-watch-failed', err }, 'unexpected error'))
      },
      Math.min(5000, orphanMs / 4),
    )
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
