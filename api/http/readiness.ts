import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { TemporalClient } from '../../infra/temporal/temporal.js'
import { queues } from '../../workflows/names.js'
import { unavailable } from './problems.js'
import { within } from './within.js'

export type PartState = { ok: true } | { ok: false; why: string }
export type PartStates = { temporal: PartState; s3: PartState; worker: PartState }

/** An answer of a part serves for this long, so that probes do not add to its load. */
const keptMs = 1_000
const answerMs = 3_000
/** Uploads that begin within this time share what the parts answer. */
const togetherMs = 200
/** A worker polls at least once a minute. */
const pollerGoneMs = 90_000
const workflowQueue = 1

/** What a probe is told; what the part itself said, addresses and all, is in the log. */
const why: Record<keyof PartStates, string> = {
  temporal: 'Temporal does not answer',
  s3: 'the object store does not answer',
  worker: 'no worker takes videos',
}

export type ReadinessDependencies = { temporal: TemporalClient; store: Pick<ObjectStore, 'ping'>; log: Log }

/** Whether the parts that the API stands on answer: Temporal, S3, and a worker that takes videos. */
export class Readiness {
  readonly #checks: Record<keyof PartStates, () => Promise<void>>
  readonly #log: Log
  #uploads: { at: number; answers: Promise<void> } | undefined
  readonly #kept = new Map<keyof PartStates, { at: number; state: Promise<PartState> }>()

  constructor({ temporal, store, log }: ReadinessDependencies) {
    this.#log = log
    this.#checks = {
      temporal: () => temporal.ping(),
      s3: () => store.ping(),
      worker: () => requireWorker(temporal),
    }
  }

  async states(): Promise<PartStates> {
    const [temporal, s3, worker] = await Promise.all([
      this.#state('temporal'),
      this.#state('s3'),
      this.#state('worker'),
    ])
    return { temporal, s3, worker }
  }

  /**
   * Rejects with `unavailable` if what an upload needs does not answer. Asked for uploads, those that begin together with one
   * question: an upload that begins after a part went away would wait long to notice. A worker may come later.
   */
  async requireForUpload(): Promise<void> {
    if (this.#uploads === undefined || performance.now() - this.#uploads.at > togetherMs) {
      const uploads = { at: performance.now(), answers: this.#askForUploads() }
      this.#uploads = uploads
      // A refusal is theirs alone who waited for it.
      uploads.answers.catch(() => {
        if (this.#uploads === uploads) this.#uploads = undefined
      })
    }
    await this.#uploads.answers
  }

  async #askForUploads(): Promise<void> {
    const { temporal, s3 } = this.#checks
    await Promise.all([
      within(answerMs, temporal).catch((error: unknown) => {
        throw unavailable('Temporal', error)
      }),
      within(answerMs, s3).catch((error: unknown) => {
        throw unavailable('the object store', error)
      }),
    ])
  }

  /** One check for all who ask within a second of each other. */
  #state(part: keyof PartStates): Promise<PartState> {
    const last = this.#kept.get(part)
    if (last !== undefined && performance.now() - last.at <= keptMs) return last.state
    const state = this.#ask(part)
    this.#kept.set(part, { at: performance.now(), state })
    return state
  }

  async #ask(part: keyof PartStates): Promise<PartState> {
    try {
      await within(answerMs, this.#checks[part])
      return { ok: true }
    } catch (err) {
      this.#log.warn({ event: 'not-ready', part, err }, why[part])
      return { ok: false, why: why[part] }
    }
  }
}

async function requireWorker({ client, connection }: TemporalClient): Promise<void> {
  const { pollers } = await connection.withDeadline(Date.now() + answerMs, () =>
    connection.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: queues.videos },
      taskQueueType: workflowQueue,
    }),
  )
  const newest = Math.max(0, ...(pollers ?? []).map((poller) => Number(poller.lastAccessTime?.seconds ?? 0) * 1000))
  if (Date.now() - newest > pollerGoneMs) throw new Error(`no worker polls the queue '${queues.videos}'`)
}
