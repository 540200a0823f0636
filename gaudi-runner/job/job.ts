import { EventEmitter, once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Progress } from '../generated/text2video/runner/v1/Progress.js'
import type { JobName } from './check-order.js'
import {
  type JobRecord,
  type KeptChunk,
  type KeptEvent,
  type KeptFailure,
  type KeptFile,
  type KeptFinish,
  type KeptInterruption,
  writeRecord,
} from './job-record.js'
import type { FailureHistory } from './failure-history.js'

export type JobEnd = { finished: KeptFinish } | { failed: KeptFailure } | { aborted: Record<string, never> }

/** An event as the log keeps it; sequence numbers grow from 1. */
export type LoggedEvent = KeptEvent | { sequence: number; progress: Progress }

export type JobState = 'RUNNING' | 'FINISHED' | 'FAILED' | 'ABORTED'

/** Of a job that breaks off again and again: its watchers have seen the others. */
const interruptionsKept = 10

/** What each restart of a job's runner adds to its sequence numbers: more than one run can ever tell. */
const numbersPerRestart = 2 ** 32

/**
 * One job and the log of its events, kept in its folder (`job-record.ts`): an event is on disk before it is told.
 * Of progress only the newest is kept, in memory alone; everything else stays until the job is released.
 */
export class Job {
  readonly name: JobName
  /** Absolute: inputs, and the artifacts that events name. */
  readonly folder: string
  /** Resolves with the job's last event. */
  readonly ended: Promise<void>
  readonly #record: JobRecord
  readonly #log: Logger
  readonly #changes = new EventEmitter<{ change: [] }>()
  readonly #resolveEnded: () => void
  #progress: { sequence: number; progress: Progress } | undefined
  #lastSequence: number
  #watchers = 0
  #unwatchedSince = performance.now()

  /** Nothing is on disk before the first `keep`. */
  constructor(record: JobRecord, folder: string, log: Logger) {
    this.name = record.name
    this.folder = folder
    this.#record = record
    this.#log = log.child({ video: record.name.jobId, generation: record.name.generation })
    this.#lastSequence = Math.max(record.restarts * numbersPerRestart, record.events.at(-1)?.sequence ?? 0)
    this.#changes.setMaxListeners(0) // one for each watcher
    let resolveEnded = () => {}
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve
    })
    this.#resolveEnded = resolveEnded
    if (this.state !== 'RUNNING') resolveEnded()
  }

  /** Progress left aside. */
  get lastEvent(): KeptEvent | undefined {
    return this.#record.events.at(-1)
  }

  get state(): JobState {
    const last = this.lastEvent
    if (!last || 'chunk' in last || 'interrupted' in last) return 'RUNNING'
    return 'finished' in last ? 'FINISHED' : 'failed' in last ? 'FAILED' : 'ABORTED'
  }

  /** The job as calls answer with it. */
  get view(): JobName & { state: JobState; lastSequence: number } {
    return { ...this.name, state: this.state, lastSequence: this.#lastSequence }
  }

  /** How long nobody has watched, in milliseconds. */
  get unwatchedMs(): number {
    return this.#watchers > 0 ? 0 : performance.now() - this.#unwatchedSince
  }

  /** The first chunk that has not been announced. */
  get nextChunk(): number {
    return (this.#chunks.at(-1)?.index ?? this.order.firstChunk - 1) + 1
  }

  get order(): JobRecord['order'] {
    return this.#record.order
  }

  get failures(): FailureHistory {
    return this.#record.failures
  }

  /** Kept with the next event: what was reached meanwhile is told by the ranks themselves. */
  set failures(failures: FailureHistory) {
    this.#record.failures = failures
  }

  /** Whether it is to end, with its running chunk or before. */
  get leaving(): boolean {
    return this.#record.leaving
  }

  is({ jobId, generation }: JobName): boolean {
    return this.name.jobId === jobId && this.name.generation === generation
  }

  progress(progress: Progress): void {
    this.#lastSequence += 1
    this.#progress = { sequence: this.#lastSequence, progress }
    this.#changes.emit('change')
  }

  chunk(chunk: KeptChunk): void {
    this.#append({ sequence: this.#lastSequence + 1, chunk })
  }

  interrupted(interrupted: KeptInterruption): void {
    const earlier = this.#record.events.filter((event) => 'interrupted' in event)
    const oldest = earlier.length >= interruptionsKept ? earlier[0] : undefined
    this.#record.events = this.#record.events.filter((event) => event !== oldest)
    this.#append({ sequence: this.#lastSequence + 1, interrupted })
  }

  /** The first end counts. */
  end(end: JobEnd): void {
    if (this.state !== 'RUNNING') return
    this.#append({ sequence: this.#lastSequence + 1, ...end })
    this.#resolveEnded()
  }

  /** Remembers that the job is to end, with its running chunk or before. */
  leave(): void {
    this.#record.leaving = true
    this.#keepIfPossible()
  }

  /** Leaves the job to the next runner. */
  suspend(): void {
    this.#record.suspended = true
    this.#keepIfPossible()
  }

  /** Writes the job's record. Throws what the disk says. */
  keep(): void {
    writeRecord(this.folder, this.#record)
  }

  /** An artifact that an event has named. */
  artifact(name: string): KeptFile | undefined {
    return this.#chunks.flatMap(({ segment, state }) => [segment, state]).find((file) => file.name === name)
  }

  /** Inputs and artifacts: all that must be there for the job to go on, and to be fetched. */
  get files(): KeptFile[] {
    return [...this.#record.inputs, ...this.#chunks.flatMap(({ segment, state }) => [segment, state])]
  }

  /** What lacks in the folder, in words; undefined if nothing does. */
  damage(): string | undefined {
    for (const { name, bytes } of this.files) {
      const size = sizeOf(join(this.folder, name))
      if (size === undefined) return `the job's ${name} is gone from this node`
      if (size !== bytes) return `the job's ${name} has ${size} bytes on this node, not ${bytes}`
    }
    return undefined
  }

  /** Events from `from` on, then live ones, until the job has ended. A slow reader misses progress and nothing else. */
  async *follow(from: number, signal: AbortSignal): AsyncIterable<LoggedEvent> {
    this.#watchers += 1
    try {
      for (let next = from; ; ) {
        const event = this.#firstFrom(next)
        if (event) {
          next = event.sequence + 1
          yield event
        } else if (this.state === 'RUNNING') await once(this.#changes, 'change', { signal })
        else return
      }
    } finally {
      this.#watchers -= 1
      this.#unwatchedSince = performance.now()
    }
  }

  get #chunks(): KeptChunk[] {
    return this.#record.events.flatMap((event) => ('chunk' in event ? [event.chunk] : []))
  }

  #firstFrom(sequence: number): LoggedEvent | undefined {
    const kept = this.#record.events.find((event) => event.sequence >= sequence)
    const progress = this.#progress && this.#progress.sequence >= sequence ? this.#progress : undefined
    return kept && progress ? (kept.sequence < progress.sequence ? kept : progress) : (kept ?? progress)
  }

  #append(event: KeptEvent): void {
    this.#record.events.push(event)
    this.#lastSequence = event.sequence
    this.#keepIfPossible()
    this.#changes.emit('change')
  }

  /** A full disk must not hold back what the ranks have done: it is told all the same, and lost only with the runner. */
  #keepIfPossible(): void {
    try {
      this.keep()
    } catch (err) {
      this.#log.warn({ event: 'job-not-kept', err }, 'the record of the job could not be written')
    }
  }
}

/** Undefined for a file that is not there, or that the system does not let us look at. */
function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size
  } catch {
    return undefined
  }
}
