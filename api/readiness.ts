import type { TemporalClient } from '../infra/temporal.js'
import type { ObjectStore } from '../infra/object-store.js'
import { queues } from '../workflows/names.js'
import { unavailable } from './problems.js'

export type PartState = { ok: true } | { ok: false; why: string }
export type PartStates = { temporal: PartState; s3: PartState; worker: PartState }

/** An answer of a part serves for this long, so that probes do not add to its load. */
const keptMs = 1_000
const answerMs = 3_000
/** A worker polls at least once a minute. */
const pollerGoneMs = 90_000
const workflowQueue = 1

/** Whether the parts that the API stands on answer: Temporal, S3, and a worker that takes videos. */
export class Readiness {
  readonly #checks: Record<keyof PartStates, () => Promise<PartState>>
  /** Asked anew for each upload: one that begins after a part went away would wait long to notice. */
  readonly #now: { temporal: () => Promise<PartState>; s3: () => Promise<PartState> }

  constructor(temporal: TemporalClient, store: Pick<ObjectStore, 'ping'>) {
    this.#checks = {
      temporal: kept(() => temporal.ping()),
      s3: kept(() => store.ping()),
      worker: kept(() => requireWorker(temporal)),
    }
    this.#now = { temporal: () => stateOf(() => temporal.ping()), s3: () => stateOf(() => store.ping()) }
  }

  async states(): Promise<PartStates> {
    const { temporal, s3, worker } = this.#checks
    const [temporalState, s3State, workerState] = await Promise.all([temporal(), s3(), worker()])
    return { temporal: temporalState, s3: s3State, worker: workerState }
  }

  /** Rejects with `unavailable` if what an upload needs does not answer. A worker may come later. */
  async requireForUpload(): Promise<void> {
    const [temporal, s3] = await Promise.all([this.#now.temporal(), this.#now.s3()])
    if (!temporal.ok) throw unavailable('Temporal', new Error(temporal.why))
    if (!s3.ok) throw unavailable('the object store', new Error(s3.why))
  }
}

/** One check for all who ask within a second of each other. */
function kept(check: () => Promise<void>): () => Promise<PartState> {
  let last: { at: number; state: Promise<PartState> } | undefined
  return () => {
    if (last === undefined || performance.now() - last.at > keptMs) {
      last = { at: performance.now(), state: stateOf(check) }
    }
    return last.state
  }
}

async function stateOf(check: () => Promise<void>): Promise<PartState> {
  const deadline = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${answerMs / 1000} s`)), answerMs).unref()
  })
  try {
    await Promise.race([check(), deadline])
    return { ok: true }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) }
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
