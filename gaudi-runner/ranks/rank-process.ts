import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, type ProcessIdentity } from './process-family.js'

/** A program and where it runs. */
export type RankCommand = { command: string; args: readonly string[]; cwd: string }

export type RankExit = { code: number | null; signal: NodeJS.Signals | null }

/** Lines of output kept for the message about a rank that ended without a word. */
const tailLines = 20

/** The process of one rank, owned from spawn to exit. */
export class RankProcess {
  readonly pid: number
  /** Undefined if it had ended before it could be looked at. */
  readonly identity: Promise<ProcessIdentity | undefined>
  /** Resolves once, with the way it ended. Never rejects. */
  readonly exited: Promise<RankExit>
  readonly #child: ChildProcess
  readonly #tail: string[] = []

  /** Rejects if the command is not there. */
  static async start({ command, args, cwd }: RankCommand, onLine: (line: string) => void): Promise<RankProcess> {
    // A session of its own: Ctrl-C on the terminal reaches the runner alone, which then ends its ranks.
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    await once(child, 'spawn')
    return new RankProcess(child, child.pid as number, onLine)
  }

  private constructor(child: ChildProcess, pid: number, onLine: (line: string) => void) {
    this.#child = child
    this.pid = pid
    this.identity = identify(pid)
    // 'exit', not 'close': a program that an ended rank has left can hold our pipes open for ever.
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    for (const output of [child.stdout, child.stderr]) {
      if (output) this.#read(output, onLine)
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The newest lines of output, up to 4,000 characters. */
  get tail(): string {
    return this.#tail.join('\n').slice(-4000)
  }

  /** Asks it to leave; returns when it has, or at the end of the grace period. */
  async leave(graceMs: number): Promise<void> {
    this.#child.kill('SIGTERM')
    const over = new AbortController()
    await Promise.race([this.exited, sleep(graceMs, undefined, { signal: over.signal }).catch(() => {})])
    over.abort()
  }

  #read(output: Readable, onLine: (line: string) => void): void {
    createInterface({ input: output }).on('line', (line) => {
      this.#tail.push(line)
      if (this.#tail.length > tailLines) this.#tail.shift()
      onLine(line)
    })
  }
}
