import {
  ActivityCancellationType,
  CancellationScope,
  log,
  setHandler,
  sleep,
  defineSignal,
  proxyActivities,
} from '@temporalio/workflow'
import { chunkPlan, orderFrames } from './chunk-plan.js'
import { failures } from './failures.js'
import { queues, type RenderStarted, renderStartedSignal } from './names.js'
import type { Order } from './order.js'
import { logFault, ownFaultLimit } from './own-faults.js'
import { percentDone } from './progress.js'
import { readFailure } from './read-failure.js'
import type { Prepared, Rendered, VideoActivities } from './video-activities.js'
import type { VideoRecord } from './video-record.js'

const renderStarted = defineSignal<[RenderStarted]>(renderStartedSignal)

/** A render that was begun goes before all that wait: somebody has been waiting for it longest. */
const firstPriority = 1

const longestPauseMs = 300_000

/**
 * Renders the video, generation after generation, until one succeeds. The server never retries a render (a retry would go
 * to the back of the queue); what failed decides here: the client's faults end it, ours end it at the third, the world's
 * never do. Each generation goes on from the last chunk in S3.
 */
export async function renderGenerations(order: Order, prepared: Prepared, record: VideoRecord): Promise<Rendered> {
  let generation = 1
  const scope = CancellationScope.current()
  setHandler(renderStarted, (started) => {
    // A word from an earlier generation, or one that crossed a deletion, changes nothing any more.
    if (started.generation !== generation || scope.consideredCancelled) return
    record.now(`rendering on ${started.node} since ${new Date(started.at).toISOString()}`)
    record.change({
      phase: 'processing',
      node: started.node,
      generation,
      startedAt: record.memo.startedAt ?? started.at,
    })
  })

  let ownFaults = 0
  let fruitless = 0
  for (; ; generation++) {
    record.now(generation === 1 ? 'waiting for a node' : `waiting for a node again, generation ${generation}`)
    try {
      const rendered = await renderOnce(order, prepared, generation)
      generation = 0 // whatever is still said of a render is late
      return rendered
    } catch (error) {
      const failure = readFailure(error)
      const reached = failure.progress ? percentDone(failure.progress) : 0
      const floor = record.memo.progressFloor ?? 0
      switch (failures[failure.word]) {
        case 'client':
          throw error
        case 'service':
          ownFaults++
          if (ownFaults === ownFaultLimit) throw error
          logFault(failure, ownFaults)
          break
        case 'world':
          log.warn('the render ended early', { word: failure.word, message: failure.message, generation, reached })
          break
      }
      if (record.memo.node !== undefined || reached > floor) {
        record.change({ progressFloor: Math.max(floor, reached) }, ['node'])
      }
      fruitless = reached > floor ? 0 : fruitless + 1
      await pause(fruitless, record)
    }
  }
}

function renderOnce(order: Order, prepared: Prepared, generation: number): Promise<Rendered> {
  const { chunks } = chunkPlan(orderFrames(order))
  const { render } = proxyActivities<Pick<VideoActivities, 'render'>>({
    taskQueue: queues.gaudi,
    // Longer than any video takes; no limit to the wait for a node.
    startToCloseTimeout: '12 hours',
    heartbeatTimeout: '30 seconds',
    retry: { maximumAttempts: 1 },
    // A cancelled render is over when its node is idle, not when it was asked to stop.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: `generation ${generation}: ${chunks} chunks × ${order.steps} steps`,
    ...(generation > 1 && { priority: { priorityKey: firstPriority } }),
  })
  return render({ order, prepared, generation })
}

/** The first try after a success or progress follows at once; those that got nowhere wait 1, 2, 4 … 300 s. */
async function pause(fruitless: number, record: VideoRecord): Promise<void> {
  if (fruitless < 2) return
  const ms = Math.min(longestPauseMs, 1000 * 2 ** (fruitless - 2))
  record.now(`tried in vain ${fruitless} times, waiting ${ms / 1000} s`)
  await sleep(ms)
}
