import { setTimeout as sleep } from 'node:timers/promises'
import {
  connectRunner,
  type JobRef,
  type Progress,
  type RunnerClient,
} from '../../gaudi-runner/client/runner-client.js'

/** Steps of one video that were done and had to be done again. */
export type Loss = { at: number; video: string; steps: number }

/** Where a video's render stands, as its runner tells it. */
type Position = { node: number; generation: number; done: number }

const askAgainMs = 100

/**
 * Follows the renders of all nodes past the proxies and past Temporal: when work moves on, and what is lost. One more
 * watcher changes nothing for a job but that nobody can call it orphaned; these runs are far shorter than that takes.
 */
export class ChaosWatch implements AsyncDisposable {
  readonly losses: Loss[] = []
  /** Steps done by all nodes. */
  steps = 0
  readonly #runners: RunnerClient[]
  readonly #stopping = new AbortController()
  readonly #followed: Promise<void>[]
  /** By video. */
  readonly #positions = new Map<string, Position>()
  readonly #movedAt: number[]
  readonly #jobs: (string | undefined)[]

  /** Nodes count from 1, in the order of the addresses. */
  constructor(addresses: string[]) {
    this.#runners = addresses.map(connectRunner)
    this.#movedAt = addresses.map(() => 0)
    this.#jobs = addresses.map(() => undefined)
    this.#followed = this.#runners.map((runner, index) => this.#follow(runner, index))
  }

  /** When a step was last done on the node, on `performance.now()`'s clock. */
  movedAt(node: number): number {
    return this.#movedAt[node - 1] ?? 0
  }

  /** The video that the node holds. */
  video(node: number): string | undefined {
    return this.#jobs[node - 1]
  }

  /** Whether the node renders and has done a step of it. */
  isAtWork(node: number): boolean {
    const video = this.video(node)
    return video !== undefined && this.#positions.get(video)?.node === node
  }

  runner(node: number): RunnerClient {
    const runner = this.#runners[node - 1]
    if (!runner) throw new Error(`there is no node ${node}`)
    return runner
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#followed)
    for (const runner of this.#runners) await runner[Symbol.asyncDispose]()
  }

  async #follow(runner: RunnerClient, index: number): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const { job } = await runner.describe({ signal, deadlineMs: 2000 })
        this.#jobs[index] = job?.jobId
        if (job) await this.#watch(runner, job, index + 1)
      } catch {
        this.#jobs[index] = undefined // away for now
      }
      await sleep(askAgainMs)
    }
  }

  async #watch(runner: RunnerClient, job: JobRef, node: number): Promise<void> {
    for await (const event of runner.watch(job, 0, { signal: this.#stopping.signal })) {
      if (event.event === 'progress') this.#heard(job, node, event.progress)
    }
  }

  #heard({ jobId: video, generation }: JobRef, node: number, { chunk, step, steps }: Progress): void {
    const done = chunk * steps + step
    const before = this.#positions.get(video) ?? { generation, done: 0 }
    if (generation < before.generation) return // given up, and not stopped yet
    this.#positions.set(video, { node, generation, done })
    const at = performance.now()
    if (done < before.done) this.losses.push({ at, video, steps: before.done - done })
    if (done <= before.done) return
    this.steps += done - before.done
    this.#movedAt[node - 1] = at
  }
}
