import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { descendantsOf } from '../../gaudi-runner/ranks/process-family.js'
import {
  connectRunner,
  type JobRef,
  type RunnerClient,
  type RunnerEvent,
} from '../../gaudi-runner/client/runner-client.js'
import { anOrder, eventsOf, until } from '../support/runner/local-runner.js'
import { inFolder, type RunnerProcess, startRunnerProcess } from '../support/runner/runner-process.js'
import { smallInputs } from '../support/runner/small-inputs.js'
import { testStack } from '../support/test-stack.js'

/** Two chunks of a small picture, each long enough to be broken off inside. */
const small = { prompt: 'a person talks', frames: 150, width: 256, height: 256, steps: 100 }
const pythonPath = () => process.env.PYTHON_PATH ?? testStack().pythonPath

/** What each chunk is, down to its bytes. */
type Digests = Map<number, string[]>

test('whatever is killed, at whatever moment: the bytes of a job are those of an undisturbed one', async () =>
  inFolder(async (dir) => {
    const files = await smallInputs(6)
    await using undisturbed = new Disturbed({ jobId: 'video_calm', generation: 1 }, dir)
    await undisturbed.start()
    await undisturbed.submit(files)
    await undisturbed.toTheEnd()

    await using job = new Disturbed({ jobId: 'video_killed', generation: 1 }, dir)
    job.take(undisturbed)
    await job.submit(files)
    // While the inputs are read, or the first steps are made.
    await sleep(500 * Math.random())
    await job.killRank(1)
    await job.untilResumed()
    await job.untilInside(0)
    await job.killRank(0)
    assert.equal(await job.untilResumed(), 'inside a chunk')
    // Chunk 0 is being handed over, and chunk 1 begins: either the one or the other is made again.
    await until('the hand-over', () => job.finds('chunk-0000.mp4.part') || job.finds('chunk-0000.mp4'))
    await job.killRunner('SIGKILL')
    await job.untilResumed()
    await job.untilInside(1)
    await job.killRunner('SIGTERM')
    assert.equal(await job.untilResumed(), 'inside a chunk')
    await job.toTheEnd()
    assert.equal(job.digests.size, 2)
    assert.deepEqual(job.digests, undisturbed.digests)
  }))

/** A job that is followed over the lives of its runner and its ranks. */
class Disturbed implements AsyncDisposable {
  readonly digests: Digests = new Map()
  readonly #job: JobRef
  readonly #dir: string
  #runner: RunnerProcess | undefined
  #client: RunnerClient | undefined
  #from = 0

  constructor(job: JobRef, dir: string) {
    this.#job = job
    this.#dir = dir
  }

  /** Goes on with the runner of another one. */
  take(other: Disturbed): void {
    this.#runner = other.#runner
    this.#client = other.#client
    other.#runner = undefined
    other.#client = undefined
  }

  async start(): Promise<void> {
    this.#runner = await startRunnerProcess(this.#dir, pythonPath())
    this.#client = connectRunner(this.#runner.address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]()
    await this.#runner?.[Symbol.asyncDispose]()
  }

  async submit(files: Awaited<ReturnType<typeof smallInputs>>): Promise<void> {
    const client = this.#connected
    await until('ready ranks', async () => (await client.describe()).state === 'IDLE', 180_000)
    await client.submit(anOrder({ ...small, ...this.#job }), files)
  }

  async killRank(rank: number): Promise<void> {
    const family = await descendantsOf(this.#runner?.child.pid ?? 0)
    const found = family.find(({ pid }) => isRank(pid, rank))
    assert.ok(found, `rank ${rank} is there`)
    process.kill(found.pid, 'SIGKILL')
  }

  async killRunner(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    assert.ok(this.#runner)
    this.#runner.child.kill(signal)
    await once(this.#runner.child, 'exit')
    await this[Symbol.asyncDispose]()
    await this.start()
    assert.deepEqual((await this.#connected.describe()).job, this.#job)
  }

  /** Until steps of the chunk have been done and saved, and a random while longer. Until then the file is the chunk's before it. */
  async untilInside(chunk: number): Promise<void> {
    await this.#follow((event) => isProgress(event, chunk))
    const begunMs = Date.now()
    await until('saved steps', () => this.#savedMs() > begunMs)
    await sleep(300 * Math.random())
  }

  /** Until the ranks say where they go on. */
  async untilResumed(): Promise<'inside a chunk' | 'at a chunk'> {
    await this.#follow(({ event }) => event === 'interrupted')
    const event = await this.#follow(({ event }) => event === 'progress')
    return event.event === 'progress' && event.progress.step > 0 ? 'inside a chunk' : 'at a chunk'
  }

  async toTheEnd(): Promise<void> {
    await this.#follow(({ event }) => event === 'finished')
    const all = await eventsOf(this.#connected, this.#job)
    const told = all.flatMap((event) => (event.event === 'chunk' ? [event.chunk.index] : []))
    assert.deepEqual(told, [0, 1], 'each once, over all lives')
    await this.#connected.release(this.#job)
  }

  finds(name: string): boolean {
    const jobs = join(this.#dir, 'jobs')
    return readdirSync(jobs).some((folder) => existsSync(join(jobs, folder, name)))
  }

  #savedMs(): number {
    const jobs = join(this.#dir, 'jobs')
    const stats = readdirSync(jobs).map((folder) =>
      statSync(join(jobs, folder, 'steps.state'), { throwIfNoEntry: false }),
    )
    return Math.max(0, ...stats.map((stat) => stat?.mtimeMs ?? 0))
  }

  get #connected(): RunnerClient {
    assert.ok(this.#client)
    return this.#client
  }

  async #follow(isIt: (event: RunnerEvent) => boolean): Promise<RunnerEvent> {
    for await (const event of this.#connected.watch(this.#job, this.#from)) {
      this.#from = event.sequence + 1
      if (event.event === 'chunk')
        this.digests.set(event.chunk.index, [event.chunk.segment?.sha256 ?? '', event.chunk.state?.sha256 ?? ''])
      if (isIt(event)) return event
      assert.ok(event.event !== 'failed' && event.event !== 'aborted', JSON.stringify(event))
    }
    throw new Error('the job ended')
  }
}

function isProgress(event: RunnerEvent, chunk: number): boolean {
  return event.event === 'progress' && event.progress.chunk === chunk && event.progress.step > 0
}

function isRank(pid: number, rank: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return command.includes('--control') && environment.includes(`RANK=${rank}`)
  } catch {
    return false // it ended meanwhile
  }
}
