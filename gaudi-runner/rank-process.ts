import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** A program and where it runs. */
export type RankCommand = { command: string; args: readonly string[]; cwd: string }

export type RankExit = { code: number | null; signal: NodeJS.Signals | null }

export type RankProcessState = { phase: 'running' } | { phase: 'stopping' } | { phase: 'exited'; exit: RankExit }

/** Lines of output kept for the message about a group that ended without a word. */
const tailLines = 20

/**
 * One torchrun, owned from spawn to exit.
 *
 * torchrun gives every rank a session of its own, so signalling torchrun's process group misses them. SIGTERM goes to
 * torchrun, which passes it on; the ranks that a SIGKILL leaves are the business of `RankGroup`.
 */
export class RankProcess {
  readonly pid: number
  /** Resolves once, with the way torchrun ended. Never rejects. */
  readonly exited: Promise<RankExit>
  readonly #child: ChildProcess
  readonly #tail: string[] = []
  #state: RankProcessState = { phase: 'running' }

  /** Rejects if the command is not there. */
  static async start({ command, args, cwd }: RankCommand, heard: (line: string) => void): Promise<RankProcess> {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    await once(child, 'spawn')
    return new RankProcess(child, child.pid as number, heard)
  }

  private constructor(child: ChildProcess, pid: number, heard: (line: string) => void) {
    this.#child = child
    this.pid = pid
    // 'exit', not 'close': an orphaned rank can hold our pipes open for ever.
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#state = { phase: 'exited', exit: { code, signal } }
        resolve({ code, signal })
      })
    })
    for (const output of [child.stdout, child.stderr]) {
      if (output) this.#read(output, heard)
    }
  }

  get state(): RankProcessState {
    return this.#state
  }

  /** The newest lines of output, up to 4,000 characters. */
  get tail(): string {
    return this.#tail.join('\n').slice(-4000)
  }

  /** Asks torchrun to leave, and kills it if it is still there after the grace period. */
  async stop(graceMs: number): Promise<RankExit> {
    if (this.#state.phase === 'exited') return this.#state.exit
    this.#state = { phase: 'stopping' }
    this.#child.kill('SIGTERM')
    const lastResort = setTimeout(() => this.#child.kill('SIGKILL'), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(lastResort)
    }
  }

  #read(output: Readable, heard: (line: string) => void): void {
    createInterface({ input: output }).on('line', (line) => {
      this.#tail.push(line)
      if (this.#tail.length > tailLines) this.#tail.shift()
      heard(line)
    })
  }
}
