import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { diesWithParent } from './dies-with-parent.js'
import type { StackPart } from './part.js'

const lastWordsMs = 300

/** One run of a part's program, from spawn to exit. */
export class PartProcess {
  readonly pid: number
  /** Resolves once, with how it ended in words. Never rejects. */
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #graceMs: number

  /** Rejects when the program cannot be started at all. */
  static async start(part: StackPart, onLine: (line: string) => void): Promise<PartProcess> {
    const [command, args] = diesWithParent(part.command, part.args)
    const child = spawn(command, args, {
      env: part.env,
      // stdin is a pipe that nobody writes to: it closes with us (see watched.ts).
      stdio: ['pipe', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C on the terminal reaches the supervisor only, which then stops the parts in order.
      detached: true,
    })
    lines(child.stdout, onLine)
    lines(child.stderr, onLine)
    await once(child, 'spawn')
    return new PartProcess(child, child.pid as number, part.graceMs)
  }

  private constructor(child: ChildProcess, pid: number, graceMs: number) {
    this.#child = child
    this.pid = pid
    this.#graceMs = graceMs
    child.stdin?.on('error', () => undefined) // it may be gone before us
    const closed = once(child, 'close')
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const end = signal ? `killed by ${signal}` : `ended with code ${code}`
        // Its last words may still be in the pipe; a grandchild can hold that open for ever, hence the limit.
        void Promise.race([closed, sleep(lastWordsMs)]).then(() => resolve(end))
      })
    })
  }

  /** Asks it to leave, and kills it if it is still there after the grace period. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const lastResort = setTimeout(() => this.kill(), this.#graceMs)
    try {
      await this.exited
    } finally {
      clearTimeout(lastResort)
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

function lines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine)
}
