import { mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sweep } from '../../activities/removal/sweep.js'
import { createLog } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { connectTemporal, type TemporalClient } from '../../infra/temporal/temporal.js'
import type { Swept } from '../../workflows/sweep/sweep-activities.js'
import { faultsOfAll, keysOf, leftBy, openVideos, storedVideos, type Twin, unfinishedUploads } from './after.js'
import { type Footprint, footprint, grown } from './footprint.js'
import { ChaosHttp, type Heard } from './http.js'
import { inject, struck, worthwhile } from './inject.js'
import type { ChaosOrder } from './orders.js'
import { Random } from './random.js'
import type { FaultRecord } from './report.js'
import { schedule, type Step, stepText } from './schedule.js'
import { ChaosStack } from './stack.js'
import { ChaosUsers } from './users.js'
import { ChaosWatch } from './watch.js'
import { until } from '../support/until.js'

export type ChaosOptions = {
  seed: number
  faults: number
  /** How long faults that last may last, ms. */
  longestMs: number
  /** How many faults are not alone, 0 to 1. */
  together: number
  orders: ChaosOrder[]
  /** Videos under way at the start; no fewer than a third of them, and three, while faults fall. */
  videos: number
  /** Of earlier runs, by the order's name; those that it lacks are rendered first, and added. */
  twins: Map<string, Twin>
  env: NodeJS.ProcessEnv
  say: (line: string) => void
}

export type ChaosResult = {
  seed: number
  records: FaultRecord[]
  videos: { kept: number; cancelled: number; deleted: number }
  steps: number
  lostSteps: number
  heard: Heard
  /** What killed uploads had left, and the nightly sweep removed. */
  swept: Swept
  before: Footprint
  after: Footprint
  /** All that must not be; empty for a run in which nothing was lost. */
  violations: string[]
  /** Kept when there are violations, with the logs in it. */
  dir: string
}

const recoveryMs = 240_000
const settleMs = 900_000

/** One run: twins on a quiet stack, then faults by the seed's schedule, then a look at everything that is left. */
export async function chaosRun(options: ChaosOptions): Promise<ChaosResult> {
  const run = await ChaosRun.start(options)
  try {
    return await run.whole()
  } finally {
    await run[Symbol.asyncDispose]()
  }
}

class ChaosRun implements AsyncDisposable {
  readonly #options: ChaosOptions
  readonly #stack: ChaosStack
  readonly #store: ObjectStore & AsyncDisposable
  readonly #temporal: TemporalClient
  readonly #watch: ChaosWatch
  readonly #users: ChaosUsers
  readonly #http: ChaosHttp
  readonly #over = new AbortController()
  readonly #violations: string[] = []
  readonly #records: FaultRecord[] = []
  #sending: Promise<void> = Promise.resolve()

  static async start(options: ChaosOptions): Promise<ChaosRun> {
    const dir = mkdtempSync('/tmp/t2v-chaos-') // short: sockets lie in it, whose paths may have 107 bytes
    const stack = await ChaosStack.start(dir, options.env)
    const { s3, temporalAddress, namespace } = stack.places
    const store = await connectObjectStore(s3)
    const temporal = await connectTemporal({ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace })
    return new ChaosRun(options, stack, store, temporal)
  }

  private constructor(
    options: ChaosOptions,
    stack: ChaosStack,
    store: ObjectStore & AsyncDisposable,
    temporal: TemporalClient,
  ) {
    this.#options = options
    this.#stack = stack
    this.#store = store
    this.#temporal = temporal
    this.#watch = new ChaosWatch(stack.places.runnerAddresses)
    const { signal } = this.#over
    this.#http = new ChaosHttp({ url: () => stack.places.apiUrl, violations: this.#violations, signal })
    const { seed, orders } = options
    const random = new Random(seed + 1)
    this.#users = new ChaosUsers({ http: this.#http, random, orders, runName: `chaos-${seed}`, signal })
  }

  async whole(): Promise<ChaosResult> {
    const { seed, faults, longestMs, together, videos, say } = this.#options
    const steps = schedule(new Random(seed), faults, longestMs, together)
    say(`seed ${seed}: ${steps.length} steps\n${steps.map((step, i) => `  ${i + 1}. ${stepText(step)}`).join('\n')}`)
    await this.#renderTwins()
    const before = await footprint(this.#stack)
    await this.#users.send(this.#users.next(Math.ceil(videos / 2)))
    this.#send(Math.floor(videos / 2))
    const done = new AbortController()
    const busy = this.#keepBusy(Math.max(3, videos / 3), done.signal)
    for (const [i, step] of steps.entries()) {
      await this.#step(step, `${i + 1}. ${step.faults.map(({ kind }) => kind).join(' and ')}`)
    }
    done.abort()
    await busy
    await this.#settle()
    const swept = await this.#sweep()
    await this.#checkVideos()
    const after = await footprint(this.#stack)
    this.#violations.push(...grown(before, after))
    const wishes = this.#wishes()
    await this.#checkEnd()
    const { dir } = this.#stack
    return {
      ...{ seed, records: this.#records, videos: wishes, steps: this.#watch.steps, heard: this.#http.heard },
      lostSteps: this.#watch.losses.reduce((sum, { steps: lost }) => sum + lost, 0),
      ...{ swept, before, after, violations: this.#violations, dir },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(new Error('the run is over'))
    await this.#users[Symbol.asyncDispose]()
    await this.#watch[Symbol.asyncDispose]()
    await this.#temporal[Symbol.asyncDispose]()
    await this.#store[Symbol.asyncDispose]()
    await this.#stack[Symbol.asyncDispose]()
  }

  /** Each order once, with nothing in its way. */
  async #renderTwins(): Promise<void> {
    const { orders, twins, say } = this.#options
    const lacking = orders.filter(({ name }) => !twins.has(name))
    await this.#users.send(lacking)
    await this.#allCompleted()
    for (const video of this.#users.kept) {
      const sha256 = await this.#users.digest(video)
      twins.set(video.order.name, { sha256, keys: await keysOf(this.#store, video.id) })
    }
    say(`${twins.size} twins are rendered`)
  }

  async #step(step: Step, name: string): Promise<void> {
    const { say } = this.#options
    const injecting = { stack: this.#stack, watch: this.#watch, users: this.#users, store: this.#store }
    const { faults } = step
    for (const fault of faults) await worthwhile(fault, injecting)
    await sleep(step.delayMs)
    if (step.action) this.#users.act(step.action)
    const struckAt = performance.now()
    await Promise.all(faults.map((fault) => inject(fault, injecting)))
    const overAt = performance.now()
    const recovered = await this.#recovered([...new Set(faults.flatMap(struck))], overAt).then(
      () => true,
      (error: unknown) => {
        this.#violations.push(`${name}: ${String(error)}`)
        return false
      },
    )
    const lost = this.#watch.losses.filter(({ at }) => at >= struckAt)
    const record: FaultRecord = {
      ...{ faults, recovered },
      secondsAway: (overAt - struckAt) / 1000,
      secondsToWork: (performance.now() - overAt) / 1000,
      lostSteps: lost.reduce((sum, { steps }) => sum + steps, 0),
    }
    this.#records.push(record)
    const { secondsAway, secondsToWork, lostSteps } = record
    say(
      `${name}: away ${secondsAway.toFixed(1)} s, ${recovered ? 'at work' : 'NOT at work'} after ${secondsToWork.toFixed(1)} s, ` +
        `${lostSteps} steps lost; ${this.#users.underWay.length} videos under way`,
    )
    if (!recovered) throw new Error(`it does not recover; logs: ${this.#stack.places.logDir}`)
  }

  /** Each node that was struck has done a step since, or has nothing to do; and the API answers. */
  async #recovered(nodes: number[], since: number): Promise<void> {
    await until('the API answers', async () => (await this.#http.once('/readyz'))?.response.status === 200, {
      deadlineMs: recoveryMs,
    })
    for (const node of nodes) {
      await until(
        `node ${node} is at work again`,
        () => this.#watch.movedAt(node) > since || this.#isNoWorkLeft(node),
        { deadlineMs: recoveryMs },
      )
    }
  }

  #isNoWorkLeft(node: number): boolean {
    return this.#watch.video(node) === undefined && !this.#users.underWay.some(({ status }) => status === 'queued')
  }

  #send(count: number): void {
    this.#sending = Promise.all([this.#sending, this.#users.send(this.#users.next(count))]).then(() => undefined)
    this.#sending.catch((error: unknown) => {
      if (!this.#over.signal.aborted) this.#violations.push(`not sent: ${String(error)}`)
    })
  }

  /** While faults fall there is work for them to fall upon, however fast it is done. */
  async #keepBusy(least: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#over.signal.aborted) {
      if (this.#users.underWay.length < least) this.#send(2)
      await this.#sending.catch(() => {})
      await sleep(500)
    }
  }

  async #settle(): Promise<void> {
    await this.#sending
    await this.#users.settled()
    await this.#allCompleted()
  }

  async #allCompleted(): Promise<void> {
    await until('every kept video is completed', () => this.#users.underWay.length === 0, { deadlineMs: settleMs })
  }

  /** The nightly sweep, as it is the day after: it removes what killed APIs left, and nothing of a video that exists. */
  async #sweep(): Promise<Swept> {
    const open = new Set(await openVideos(this.#temporal.client))
    const log = createLog({ program: 'chaos', level: 'fatal' })
    const isOpen = (id: string) => Promise.resolve(open.has(id))
    return sweep({ store: this.#store, isOpen, log }, Date.now() + 26 * 3_600_000)
  }

  async #checkVideos(): Promise<void> {
    const { s3 } = this.#stack.places
    const looking = { store: this.#store, client: this.#temporal.client, s3 }
    this.#violations.push(...(await faultsOfAll(this.#users, this.#options.twins, looking)))
  }

  /** With every video deleted nothing is left of them, nor of the stack once it is stopped. */
  async #checkEnd(): Promise<void> {
    for (const video of this.#users.videos.values()) if (video.wish !== 'deleted') await this.#users.remove(video)
    await until('no video is open', async () => (await openVideos(this.#temporal.client)).length === 0)
    const stored = await storedVideos(this.#store)
    if (stored.size > 0) this.#violations.push(`objects are left of ${[...stored].join(' ')}`)
    const uploads = await unfinishedUploads(this.#stack.places.s3)
    if (uploads.length > 0) this.#violations.push(`uploads are left unfinished: ${uploads.join(' ')}`)
    await this.#stack.stop()
    this.#violations.push(...leftBy(this.#stack))
    if (this.#violations.length === 0) rmSync(this.#stack.dir, { recursive: true, force: true })
  }

  #wishes(): ChaosResult['videos'] {
    const count = (wanted: string) => [...this.#users.videos.values()].filter(({ wish }) => wish === wanted).length
    return { kept: count('kept'), cancelled: count('cancelled'), deleted: count('deleted') }
  }
}
