import { EventEmitter, once } from 'node:events'
import type { Failed } from './generated/text2video/runner/v1/Failed.js'
import type { Finished } from './generated/text2video/runner/v1/Finished.js'
import type { Progress } from './generated/text2video/runner/v1/Progress.js'

/** Names a job for ever: a job is never rendered twice under the same pair. */
export type JobName = { jobId: string; generation: number }

export type JobEnd = { finished: Finished } | { failed: Failed } | { aborted: Record<string, never> }

/** A file in the job's folder; sha256 in hex. */
export type KeptFile = { name: string; bytes: number; sha256: string }

export type KeptChunk = { index: number; frames: number; segment: KeptFile; state: KeptFile }

type Happening = { progress: Progress } | { chunk: KeptChunk } | JobEnd

/** An event as the log keeps it; sequence numbers start at 1. */
export type LoggedEvent = { sequence: number } & Happening

export type JobState = 'RUNNING' | 'FINISHED' | 'FAILED' | 'ABORTED'

/** One job and the log of its events. Of progress only the newest is kept; everything else stays until the job is released. */
export class Job {
  readonly name: JobName
  /** Absolute: inputs, and the artifacts that events name. */
  readonly folder: string
  /** Resolves with the job's last event. */
  readonly ended: Promise<void>
  readonly #changes = new EventEmitter<{ change: [] }>()
  readonly #files = new Map<string, KeptFile>()
  readonly #resolveEnded: () => void
  #log: LoggedEvent[] = []
  #lastSequence = 0
  #state: JobState = 'RUNNING'
  #watchers = 0
  #unwatchedSince = performance.now()

  constructor(name: JobName, folder: string) {
    this.name = name
    this.folder = folder
    this.#changes.setMaxListeners(0) // one for each watcher
    let resolveEnded = () => {}
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve
    })
    this.#resolveEnded = resolveEnded
  }

  get state(): JobState {
    return this.#state
  }

  /** The job as calls answer with it. */
  get view(): JobName & { state: JobState; lastSequence: number } {
    return { ...this.name, state: this.#state, lastSequence: this.#lastSequence }
  }

  /** How long nobody has watched, in milliseconds. */
  get unwatchedMs(): number {
    return this.#watchers > 0 ? 0 : performance.now() - this.#unwatchedSince
  }

  is({ jobId, generation }: JobName): boolean {
    return this.name.jobId === jobId && this.name.generation === generation
  }

  progress(progress: Progress): void {
    this.#log = this.#log.filter((event) => !('progress' in event))
    this.#append({ progress })
  }

  chunk(chunk: KeptChunk): void {
    for (const file of [chunk.segment, chunk.state]) this.#files.set(file.name, file)
    this.#append({ chunk })
  }

  /** The first end counts. */
  end(end: JobEnd): void {
    if (this.#state !== 'RUNNING') return
    this.#state = 'finished' in end ? 'FINISHED' : 'failed' in end ? 'FAILED' : 'ABORTED'
    this.#append(end)
    this.#resolveEnded()
  }

  /** An artifact that an event has named. */
  artifact(name: string): KeptFile | undefined {
    return this.#files.get(name)
  }

  /** Events from `from` on, then live ones, until the job has ended. A slow reader misses progress and nothing else. */
  async *follow(from: number, signal: AbortSignal): AsyncIterable<LoggedEvent> {
    this.#watchers += 1
    try {
      for (let next = from; ; ) {
        const event = this.#log.find(({ sequence }) => sequence >= next)
        if (event) {
          next = event.sequence + 1
          yield event
        } else if (this.#state === 'RUNNING') await once(this.#changes, 'change', { signal })
        else return
      }
    } finally {
      this.#watchers -= 1
      this.#unwatchedSince = performance.now()
    }
  }

  #append(happening: Happening): void {
    this.#lastSequence += 1
    this.#log.push({ sequence: this.#lastSequence, ...happening })
    this.#changes.emit('change')
  }
}
