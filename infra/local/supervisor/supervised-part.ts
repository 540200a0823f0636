import { setTimeout as sleep } from 'node:timers/promises'
import { LastWords } from './last-words.js'
import { readableLine, readLogLine } from './log-line.js'
import type { LogFile } from './log-file.js'
import type { StackPart } from './part.js'
import { PartProcess } from './part-process.js'
import type { Show } from './terminal.js'

const firstDelayMs = 500
const longestDelayMs = 10_000
/** A part that was up for this long is well; its next death starts from the shortest delay again. */
const wellAfterMs = 30_000
/** Deaths in a row before it has ever been ready, after which the stack's start is given up. */
const firstAttempts = 3
const wrongSettings = 'ended with code 2'
const refusal = 'refuses to start'

/** A part that could not be brought up at all. */
export class PartFailed extends Error {}

/** A part that says what a person must change before it starts; the message has the whole of it. */
export class PartRefused extends PartFailed {}

/** Keeps one part running: waits until it is ready, and starts it again when it dies, with the reason shown. */
export class SupervisedPart {
  readonly part: StackPart
  readonly #log: LogFile
  readonly #show: Show
  readonly #stopping = new AbortController()
  #process: PartProcess | undefined
  #watch: Promise<void> = Promise.resolve()
  #onEvent: ((event: 'ready' | 'refused') => void) | undefined
  #words = new LastWords()
  #wasReady = false

  constructor(part: StackPart, { log, show }: { log: LogFile; show: Show }) {
    this.part = part
    this.#log = log
    this.#show = show
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Resolves when it is ready for the first time; from then on it is watched over. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const since = Date.now()
      const outcome = await this.#run()
      if (outcome === 'ready') {
        this.#say(`ready (${((Date.now() - since) / 1000).toFixed(1)} s)`)
        this.#wasReady = true
        this.#watch = this.#keep(Date.now())
        return
      }
      this.#stopping.signal.throwIfAborted()
      const { name } = this.part
      if (outcome === refusal || outcome === wrongSettings) {
        throw new PartRefused(`${name} refuses to start:\n${this.#words.refusal()}\nIts log: ${this.#log.path}`)
      }
      const problem = `${outcome}. ${this.#words.last()}`
      if (attempt === firstAttempts) {
        throw new PartFailed(`${name} does not start: ${problem}\nIts log: ${this.#log.path}`)
      }
      this.#say(`${problem} Trying again`)
      await sleep(firstDelayMs, undefined, { signal: this.#stopping.signal })
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#process?.stop()
    await this.#watch
    this.#log[Symbol.dispose]()
  }

  /** Waits for each death and starts the part again, until it is stopped. */
  async #keep(readySince: number): Promise<void> {
    let delayMs = firstDelayMs
    for (;;) {
      const end = await this.#process?.exited
      if (this.#stopping.signal.aborted) return
      if (Date.now() - readySince > wellAfterMs) delayMs = firstDelayMs
      this.#say(`${end}; starting it again in ${delayMs / 1000} s. ${this.#words.last()}`)
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      if (this.#stopping.signal.aborted) return
      delayMs = Math.min(delayMs * 2, longestDelayMs)
      if ((await this.#run()) === 'ready') {
        readySince = Date.now()
        this.#say('ready again')
      }
    }
  }

  /** Starts the program once; resolves with 'ready', or with how it ended or why it was ended. */
  async #run(): Promise<string> {
    const said = new Promise<'ready' | 'refused'>((resolve) => {
      this.#onEvent = resolve
    })
    this.#log.line(jsonLine({ event: 'starting', command: this.part.command, msg: `starting ${this.part.name}` }))
    this.#words = new LastWords()
    let run: PartProcess
    try {
      run = await PartProcess.start(this.part, (line) => this.#read(line))
    } catch (error) {
      return String(error)
    }
    this.#process = run
    if (this.#stopping.signal.aborted) run.kill() // stop() came while it was being spawned
    const over = new AbortController()
    const { readiness } = this.part
    const ready = readiness.kind === 'event' ? said : untilAnswered(readiness.probe, over.signal)
    const tooLong = sleep(this.part.readyMs, 'too-long' as const, { signal: over.signal, ref: false })
    try {
      const outcome = await Promise.race([ready, run.exited, tooLong.catch(() => 'too-long' as const)])
      if (outcome !== 'too-long' && outcome !== 'refused') return outcome
      await run.stop()
      if (outcome === 'refused') return refusal
      return `was not ready within ${this.part.readyMs / 1000} s`
    } finally {
      over.abort()
    }
  }

  #read(line: string): void {
    if (line.trim() === '') return
    const read = readLogLine(line)
    // MinIO and Temporal have words of their own: the file is JSON all the same.
    this.#log.line(read === undefined ? jsonLine({ program: this.part.name, msg: line }) : line)
    this.#words.hear(read ?? line)
    if (read?.event === 'ready' || read?.event === 'refused') this.#onEvent?.(read.event)
    // A refusal is shown whole where it ends the start.
    const text = read && !(read.event === 'refused' && !this.#wasReady) ? readableLine(read) : undefined
    if (text !== undefined) this.#say(text)
  }

  #say(line: string): void {
    this.#show(this.part.name, line)
  }
}

function jsonLine(fields: object): string {
  return JSON.stringify({ level: 'info', time: new Date().toISOString(), program: 'stack', ...fields })
}

async function untilAnswered(probe: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<'ready'> {
  for (;;) {
    try {
      await probe(signal)
      return 'ready'
    } catch {
      // Aborted: the race is over, and nobody looks at this promise any more.
      await sleep(100, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return 'ready'
    }
  }
}
