import { join } from 'node:path'
import { LogFile } from './log-file.js'
import { type StackPart, stages } from './part.js'
import { SupervisedPart } from './supervised-part.js'
import type { Show } from './terminal.js'

/**
 * All parts of a stack. Whoever disposes of it stops them, stage by stage, in the reverse of the order of need; should it be
 * killed instead, the parts die with it (see dies-with-parent.ts).
 */
export class Supervisor implements AsyncDisposable {
  readonly #parts: SupervisedPart[] = []
  readonly #options: { logDir: string; show: Show }
  #stopping = false

  constructor(options: { logDir: string; show: Show }) {
    this.#options = options
  }

  /** Processes that run now, by part. */
  get pids(): Record<string, number> {
    return Object.fromEntries(this.#parts.flatMap(({ part, pid }) => (pid === undefined ? [] : [[part.name, pid]])))
  }

  /** Starts a part; resolves when it is ready, rejects with `PartFailed` when it cannot be brought up. */
  async start(part: StackPart): Promise<void> {
    if (this.#stopping) throw new Error(`the stack is stopping; ${part.name} is not started any more`)
    const log = new LogFile(join(this.#options.logDir, `${part.name}.log`))
    const supervised = new SupervisedPart(part, { log, show: this.#options.show })
    this.#parts.push(supervised)
    await supervised.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    for (const stage of stages.toReversed()) {
      const inStage = this.#parts.filter(({ part }) => part.stage === stage)
      await Promise.all(inStage.map((part) => part.stop()))
    }
  }
}
