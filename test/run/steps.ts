import { spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'

type RunOptions = { env?: NodeJS.ProcessEnv; isQuiet?: boolean }

type Outcome = { name: string; seconds: number; passed: boolean }

/** The steps of a test run: each shown as it runs, with its seconds, and all of them again at the end. */
export class Steps {
  readonly #options: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal }
  readonly #outcomes: Outcome[] = []

  constructor(options: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal }) {
    this.#options = options
  }

  /** Runs a command to its end; whether it succeeded. A failure does not keep later steps from running. What a quiet one says comes at its end. */
  async run(
    name: string,
    command: string,
    args: string[],
    { env = {}, isQuiet = false }: RunOptions = {},
  ): Promise<boolean> {
    if (this.#options.signal.aborted) return false
    const done = await this.time(name, async () => {
      const { cwd, signal } = this.#options
      const stdio: StdioOptions = isQuiet ? ['ignore', 'pipe', 'pipe'] : 'inherit'
      const child = spawn(command, args, { cwd, env: { ...this.#options.env, ...env }, stdio, signal })
      const said: Buffer[] = []
      for (const output of [child.stdout, child.stderr]) output?.on('data', (piece: Buffer) => said.push(piece))
      const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null]
      if (isQuiet) console.log(`\n── what ${name} said\n${Buffer.concat(said).toString()}`)
      if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} ended with ${killedBy ?? `code ${code}`}`)
      return true
    })
    return done === true
  }

  /** Runs `work`; undefined when it failed, which is shown. */
  async time<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    const since = Date.now()
    const record = (passed: boolean) => {
      this.#outcomes.push({ name, seconds: (Date.now() - since) / 1000, passed })
    }
    console.log(`\n── ${name}`)
    try {
      const result = await work()
      record(true)
      return result
    } catch (error) {
      record(false)
      console.error(error instanceof Error ? error.message : error)
      return undefined
    }
  }

  fail(name: string, why: string): void {
    console.error(why)
    this.#outcomes.push({ name, seconds: 0, passed: false })
  }

  /** Prints what ran; the exit code of the whole. */
  summary(): number {
    console.log('')
    for (const { name, seconds, passed } of this.#outcomes) {
      console.log(`${passed ? '✓' : '✗'} ${name.padEnd(20)} ${seconds.toFixed(1).padStart(6)} s`)
    }
    const { aborted } = this.#options.signal
    if (aborted) console.log('stopped before the end')
    return !aborted && this.#outcomes.length > 0 && this.#outcomes.every(({ passed }) => passed) ? 0 : 1
  }
}
