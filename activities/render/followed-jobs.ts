import type { JobRef } from '../../gaudi-runner/client/runner-client.js'
import { failure } from '../worker/activity-failure.js'

/** The jobs of the node's runner that activities of this worker follow: one activity a job. */
export class FollowedJobs {
  readonly #followers = new Map<string, { job: JobRef; letGo: AbortController }>()

  get jobs(): JobRef[] {
    return [...this.#followers.values()].map(({ job }) => job)
  }

  has(jobId: string): boolean {
    return this.#followers.has(jobId)
  }

  /**
   * Follows a job until disposed of. Who followed it before, and does not know yet that Temporal has given it up, is told by its
   * `signal` to let go.
   */
  follow(job: JobRef): Disposable & { signal: AbortSignal } {
    const letGo = new AbortController()
    this.#followers
      .get(job.jobId)
      ?.letGo.abort(failure('worker_lost', 'another activity of this worker follows the job now'))
    this.#followers.set(job.jobId, { job, letGo })
    return {
      signal: letGo.signal,
      [Symbol.dispose]: () => {
        if (this.#followers.get(job.jobId)?.letGo === letGo) this.#followers.delete(job.jobId)
      },
    }
  }
}
