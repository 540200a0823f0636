import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit, SlotReserveContext } from '@temporalio/worker'
import type { RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import { orAborted } from '../../infra/program/or-aborted.js'
import { abortableSleep } from '../worker/abortable-sleep.js'
import type { OrphanJobs } from './orphan-jobs.js'

export type RunnerSlotDependencies = {
  runner: Pick<RunnerClient, 'describe'>
  /** Looks after what the runner holds, or should, while no render has the slot. */
  orphans: Pick<OrphanJobs, 'look'>
  /** Whether the node takes no more videos. */
  isDraining: () => boolean
  log: Log
}

const askAgainMs = 250

/**
 * The one slot of a node, granted only while its runner is idle. The SDK asks for a slot before each poll, so a node that
 * is busy, starting or broken does not poll, and no video is sent to where it cannot be rendered.
 *
 * A node that is drained grants it no more; what it renders goes on.
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
    const { runner, orphans, isDraining, log } = this.#dependencies
    try {
      const { state, job } = await runner.describe()
      await orphans.look(job)
      return state === 'IDLE' && !isDraining()
    } catch (err) {
      log.debug({ event: 'runner-away', err }, 'the runner does not answer')
      return false
    }
  }
}
