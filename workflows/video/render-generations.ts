import { CancellationScope, defineSignal, defineUpdate, log, setHandler, sleep } from '@temporalio/workflow'
import { failures } from '../failures.js'
import {
  type NodeBack,
  nodeBackUpdate,
  type RenderInterrupted,
  renderInterruptedSignal,
  type RenderStarted,
  renderStartedSignal,
} from '../names.js'
import type { Order } from '../order.js'
import { counted } from '../plural.js'
import { percentDone, type RenderProgress } from '../progress.js'
import { type ReadFailure, readFailure } from './read-failure.js'
import { type RenderAttempt, runAttempt } from './render-attempt.js'
import { internalLimit, logInternal } from './retry-internal.js'
import type { EndedAttempt } from '../video.js'
import type { Rendered, RenderedReference } from './video-activities.js'
import type { VideoRecord } from './video-record.js'

const renderStarted = defineSignal<[RenderStarted]>(renderStartedSignal)
const renderInterrupted = defineSignal<[RenderInterrupted]>(renderInterruptedSignal)
const nodeBack = defineUpdate<boolean, [NodeBack]>(nodeBackUpdate)

const longestPauseMs = 300_000

/** A node that went silent for its heartbeat timeout has this long left; one whose worker said that it leaves, a restart's time. */
const attachWithinMs = { silent: 10_000, left: 40_000 }

/** A render that is taken up again and again on its node without getting anywhere is begun anew after so many times. */
const attachLimit = 3

/**
 * Renders the video, attempt after attempt, until one succeeds. What ended decides what follows: a lost worker's render is taken up
 * again on its node, whose ranks have gone on; a lost node's is rendered anew from the last chunk in S3, on any node,
 * before all that wait. `failures.ts` says which failures end it at once, at the third time, or never.
 *
 * Generations go on from `after`: a second time round, when a finished chunk was found damaged.
 */
export class RenderGenerations {
  readonly #order: Order
  readonly #reference: RenderedReference
  readonly #record: VideoRecord
  readonly #scope = CancellationScope.current()
  /** The newest ever tried. */
  #newest = 0
  /** The newest generation that began on a node, as far as is known, and where. */
  #begun: { generation: number; node: string } | undefined
  /** `heard`: the node's worker has said something since; it is up. */
  #running: { attempt: RenderAttempt; began: boolean; heard: boolean } | undefined
  /** A worker that is back at its render, and who waits to hear of it. */
  #back: NodeBack | undefined
  #heardBack: () => void = () => {}
  #internalFaults = 0
  #attemptsWithoutProgress = 0
  #attaches = 0

  constructor(order: Order, reference: RenderedReference, record: VideoRecord) {
    this.#order = order
    this.#reference = reference
    this.#record = record
    setHandler(renderStarted, (started) => this.#onStarted(started))
    setHandler(renderInterrupted, (interrupted) => this.#onInterrupted(interrupted))
    setHandler(nodeBack, (back) => this.#onBack(back))
  }

  /** May be asked again, when a chunk of what it gave is found damaged. */
  async render(why?: string): Promise<Rendered> {
    try {
      for (let next = this.#newAttempt(why); ; ) {
        this.#record.now(doingOf(next))
        try {
          const outcome = await this.#run(next)
          if (!('back' in outcome)) return outcome
          next = this.#onNodeBack(outcome.back, next)
        } catch (error) {
          next = await this.#afterFailure(readFailure(error), next, error)
        }
      }
    } finally {
      this.#running = undefined // whatever is still said of a render is late
    }
  }

  #newAttempt(why?: string): RenderAttempt {
    this.#newest++
    this.#attaches = 0
    return { kind: 'render', generation: this.#newest, ...(why !== undefined && { why }) }
  }

  /**
   * Runs an attempt until it ends, or until its node's worker is found to have been started anew: then the attempt, of which
   * nobody will hear again, is left behind. A later one that only waits in the queue is taken out of it.
   */
  async #run(attempt: RenderAttempt): Promise<Rendered | { back: NodeBack }> {
    const running = { attempt, began: false, heard: false }
    this.#running = running
    const scope = new CancellationScope()
    const work = scope.run(() => runAttempt(attempt, this.#order, this.#reference))
    work.catch(() => {})
    const heard = await Promise.race([work, this.#untilBack()])
    if (heard !== 'back') return heard
    const back = this.#takeBack()
    if (back.generation < attempt.generation) {
      scope.cancel()
      const ended = await work.catch(() => undefined)
      if (ended) return ended
    }
    return { back }
  }

  /** No condition: that would be cancelled at once, and a render has to be waited for. */
  async #untilBack(): Promise<'back'> {
    if (this.#back === undefined) {
      await new Promise<void>((resolve) => {
        this.#heardBack = resolve
      })
    }
    return 'back'
  }

  #takeBack(): NodeBack {
    const back = this.#back
    if (back === undefined) throw new Error('nobody is back')
    this.#back = undefined
    return back
  }

  #onNodeBack({ node, generation, progress }: NodeBack, left: RenderAttempt): RenderAttempt {
    const lost = { code: 'worker_lost', detail: 'the node’s worker was started anew' } as const
    this.#record.ended(endedAttempt(lost, left, node, progress))
    log.info('the render is taken up again', { code: lost.code, node, generation })
    return { kind: 'attach', generation, node, withinMs: attachWithinMs.silent, why: lost.detail }
  }

  /** What follows a failure; throws it where nothing does. */
  async #afterFailure(failure: ReadFailure, ended: RenderAttempt, error: unknown): Promise<RenderAttempt> {
    const { code, detail, progress } = failure
    const { generation } = ended
    const node = this.#nodeOf(ended, progress)
    const reached = progress ? percentDone(progress) : 0
    const floor = this.#record.memo.progressFloor ?? 0
    const to = { progressFloor: Math.max(floor, reached) }
    this.#record.ended(endedAttempt(failure, ended, node, progress), to, ['node'])
    switch (failures[code].retry) {
      case 'never':
        throw error
      case 'thrice':
        this.#internalFaults++
        if (this.#internalFaults === internalLimit) throw error
        logInternal(failure, this.#internalFaults)
        break
      case 'always':
        log.warn('the render ended early', { code, detail, generation, node, reached })
        break
    }
    if (reached > floor) {
      this.#attemptsWithoutProgress = 0
      this.#attaches = 0
    }
    // Given to the node and never heard of: it stands still, and asking it again would only wait as long again.
    const wasHeard = this.#running?.heard || progress !== undefined
    const isFrozen = ended.kind === 'attach' && failure.silent && !wasHeard
    if (code === 'worker_lost' && node !== undefined && !isFrozen && this.#attaches < attachLimit) {
      this.#attaches++
      const withinMs = failure.silent ? attachWithinMs.silent : attachWithinMs.left
      return { kind: 'attach', generation, node, withinMs, why: detail }
    }
    if (reached <= floor && code !== 'node_drained') this.#attemptsWithoutProgress++
    await this.#pause()
    return this.#newAttempt(node === undefined ? detail : `${node}: ${detail}`)
  }

  #nodeOf(attempt: RenderAttempt, progress: RenderProgress | undefined): string | undefined {
    if (attempt.kind === 'attach') return attempt.node
    return this.#begun?.generation === attempt.generation ? this.#begun.node : progress?.node
  }

  /** The first try after a success or progress follows at once; those that got nowhere wait 1, 2, 4 … 300 s. */
  async #pause(): Promise<void> {
    if (this.#attemptsWithoutProgress < 2) return
    const ms = Math.min(longestPauseMs, 1000 * 2 ** (this.#attemptsWithoutProgress - 2))
    this.#record.now(`tried in vain ${counted(this.#attemptsWithoutProgress, 'time')}, waiting ${ms / 1000} s`)
    await Promise.race([sleep(ms), this.#untilBack()])
  }

  #onStarted({ node, generation, at, model }: RenderStarted): void {
    const running = this.#running
    // What comes from an earlier generation, or one that crossed a deletion, changes nothing any more.
    if (running?.attempt.generation !== generation || this.#scope.consideredCancelled) return
    running.began = true
    running.heard = true
    this.#begun = { node, generation }
    this.#record.now(`rendering on ${node} since ${new Date(at).toISOString()}`)
    const startedAt = this.#record.memo.startedAt ?? at
    this.#record.change({ phase: 'processing', node, generation, startedAt, ...(model && { model }) })
  }

  #onInterrupted({ at, node, generation, code, detail, chunk, step }: RenderInterrupted): void {
    if (this.#running?.attempt.generation !== generation || this.#scope.consideredCancelled) return
    this.#record.ended({ at, node, generation, code, detail, chunk, step })
  }

  /** Whether the video still wants this generation from this node. */
  #onBack(back: NodeBack): boolean {
    const running = this.#running
    if (!running || this.#scope.consideredCancelled) return false
    const { attempt, began } = running
    if (back.generation < (this.#begun?.generation ?? 0) || back.generation > attempt.generation) return false
    running.heard = true
    const isOnItsWay = attempt.kind === 'attach' && !began
    if (!isOnItsWay) {
      const { progress } = back
      const floor = this.#record.memo.progressFloor ?? 0
      if (progress && percentDone(progress) > floor) this.#record.change({ progressFloor: percentDone(progress) })
      this.#back = back
      this.#heardBack()
    }
    return true
  }
}

function doingOf(attempt: RenderAttempt): string {
  if (attempt.kind === 'attach') return `resuming on ${attempt.node}`
  return attempt.generation === 1 ? 'waiting for a node' : `waiting for a node again, generation ${attempt.generation}`
}

function endedAttempt(
  { code, detail }: Pick<ReadFailure, 'code' | 'detail'>,
  { generation }: RenderAttempt,
  node: string | undefined,
  progress: RenderProgress | undefined,
): EndedAttempt {
  return {
    ...{ at: Date.now(), generation, code, detail },
    ...(node !== undefined && { node }),
    ...(progress && { chunk: progress.chunk, step: progress.step }),
  }
}
