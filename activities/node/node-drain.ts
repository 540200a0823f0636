import type { RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { type DrainMode, drainModes } from '../../workflows/node.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { abortableSleep } from '../worker/abortable-sleep.js'
import type { FollowedJobs } from '../render/followed-jobs.js'

export type NodeDrainDependencies = {
  node: string
  store: Pick<ObjectStore, 'read'>
  runner: Pick<RunnerClient, 'abort'>
  followed: Pick<FollowedJobs, 'jobs'>
  log: Log
}

const readEveryMs = 2_000

/**
 * Whether an operator takes this node out of service, as `npm run drain` has written it to S3: after its current video, or after its
 * current chunk, which is then handed over so that the video goes on elsewhere from there. It holds over restarts,
 * until it is undone; while S3 is away the last word holds.
 */
export class NodeDrain implements AsyncDisposable {
  readonly #dependencies: NodeDrainDependencies
  readonly #stop = new AbortController()
  #reading: Promise<void> = Promise.resolve()
  #mode: DrainMode | undefined

  private constructor(dependencies: NodeDrainDependencies) {
    this.#dependencies = dependencies
  }

  /** Resolves once it is known whether the node is drained: before that it must take no video. */
  static async start(dependencies: NodeDrainDependencies): Promise<NodeDrain> {
    const drain = new NodeDrain(dependencies)
    await drain.#read()
    drain.#reading = drain.#readOn()
    return drain
  }

  get mode(): DrainMode | undefined {
    return this.#mode
  }

  async #readOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await abortableSleep(readEveryMs, this.#stop.signal).catch(() => {})
      await this.#read().catch((err: unknown) => {
        this.#dependencies.log.debug({ event: 'drain-unknown', err }, 'the request to drain cannot be read')
      })
    }
  }

  async #read(): Promise<void> {
    const { node, store, log } = this.#dependencies
    const mode = modeOf(await store.read(objectKeys.drain(node)))
    if (mode !== this.#mode) log.warn({ event: 'drain', mode: mode ?? 'none' }, doing(mode))
    this.#mode = mode
    if (mode === 'chunk') await this.#leaveAfterChunk()
  }

  /** Asked again and again, which changes nothing: the runner that was asked may have been started anew. */
  async #leaveAfterChunk(): Promise<void> {
    const { runner, followed, log } = this.#dependencies
    for (const job of followed.jobs) {
      await runner.abort(job, { afterChunk: true }).catch((err: unknown) => {
        log.debug(
          { event: 'not-asked', video: job.jobId, err },
          'the runner could not be asked to stop after the chunk',
        )
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#reading
  }
}

/** What is not understood is taken for the milder one: somebody wants the node. */
function modeOf(body: Buffer | undefined): DrainMode | undefined {
  if (body === undefined) return undefined
  try {
    const { mode } = JSON.parse(body.toString()) as { mode?: unknown }
    return drainModes.find((known) => known === mode) ?? 'video'
  } catch {
    return 'video'
  }
}

function doing(mode: DrainMode | undefined): string {
  switch (mode) {
    case 'video':
      return 'this node takes no more videos, and finishes the one that it renders'
    case 'chunk':
      return 'this node takes no more videos, and hands over the one that it renders after its chunk'
    case undefined:
      return 'this node takes videos again'
  }
}
