import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit, SlotReserveContext } from '@temporalio/worker'
import type { JobRef, RunnerClient } from '../gaudi-runner/runner-client.js'
import type { Log } from '../infra/log.js'
import { abortableSleep } from './abortable-sleep.js'

export type RunnerSlotDependencies = {
  runner: Pick<RunnerClient, 'describe' | 'abort' | 'release'>
  /** Whether a render of the video is under way, here or elsewhere, as far as Temporal knows. */
  isRendered: (videoId: string) => Promise<boolean>
  log: Log
}

const askAgainMs = 250

/**
 * The one slot of a node, granted only while its runner is idle. The SDK asks for a slot before each poll, so a node that
 * is busy, starting or broken does not poll, and no video is sent to where it cannot be rendered.
 *
 * A job that the runner still holds while this worker renders nothing was left by a worker before it. It is let go on
 * for as long as Temporal counts its render as running, and ended then: its chunks are in S3, and its video is first in the queue.
 */
export class RunnerSlot implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom'
  readonly #dependencies: RunnerSlotDependencies
  #granted: Promise<void> | undefined
  #giveBack: () => void = () => {}

  constructor(dependencies: RunnerSlotDependencies) {
    this.#dependencies = dependencies
  }

  async reserveSlot(_context: SlotReserveContext, signal: AbortSignal): Promise<SlotPermit> {
    while (this.#granted) await orAborted(this.#granted, signal)
    this.#granted = new Promise((resolve) => {
      this.#giveBack = resolve
    })
    try {
      while (!(await this.#isIdle())) await abortableSleep(askAgainMs, signal)
      signal.throwIfAborted()
      return {}
    } catch (error) {
      this.releaseSlot()
      throw error
    }
  }

  /** Eager dispatch would pass by the question whether the runner is idle. */
  tryReserveSlot(): SlotPermit | null {
    return null
  }

  markSlotUsed(): void {}

  releaseSlot(): void {
    this.#granted = undefined
    this.#giveBack()
  }

  async #isIdle(): Promise<boolean> {
    const { runner, log } = this.#dependencies
    try {
      const { state, job } = await runner.describe()
      if (state === 'BUSY' && job) await this.#endOrphan(job)
      return state === 'IDLE'
    } catch (err) {
      log.debug({ event: 'runner-away', err }, 'the runner does not answer')
      return false
    }
  }

  async #endOrphan(job: JobRef): Promise<void> {
    const { runner, isRendered, log } = this.#dependencies
    if (await isRendered(job.jobId)) return
    log.warn({ event: 'orphan', video: job.jobId, generation: job.generation }, 'ending a job that nobody follows')
    await runner.abort(job)
    await runner.release(job)
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
