import {
  allHandlersFinished,
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineUpdate,
  isCancellation,
  log,
  proxyActivities,
  proxySinks,
  setHandler,
  sleep,
} from '@temporalio/workflow'
import { endingCode, type FailureCode, isOurFault } from '../failures.js'
import { cancelRefused, cancelUpdate, deleteRefused, deleteUpdate, queues } from '../names.js'
import type { Order } from '../order.js'
import { readFailure } from './read-failure.js'
import { RenderGenerations } from './render-generations.js'
import { logInternal, retryInternal } from './retry-internal.js'
import { isOver, type VideoInput, type VideoMemo } from '../video.js'
import type { RenderedReference, VideoActivities } from './video-activities.js'
import { VideoRecord } from './video-record.js'
import type { VideoSinks } from './video-sinks.js'

const { videos: videosSink } = proxySinks<VideoSinks>()

const deletion = defineUpdate<VideoMemo>(deleteUpdate)
const cancellation = defineUpdate<VideoMemo, [number | undefined]>(cancelUpdate)

/** What `failures.ts` always tries again; activities mark all others as not to be retried. */
const alwaysRetry = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
} as const

/** Objects are removed only when nobody writes any more. Said outright: the SDK's documented default is not what it does. */
const whenEnded = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

/** Media workers beat every 2 s. While a lost one is waited for, a node may idle: with 30 s chaos runs saw 35 s of it. */
const mediaSilence = '10 seconds'

const { prepare } = proxyActivities<Pick<VideoActivities, 'prepare'>>({
  taskQueue: queues.media,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: mediaSilence,
  retry: alwaysRetry,
  cancellationType: whenEnded,
  summary: 'reference film to what the ranks read',
})
const { assemble } = proxyActivities<Pick<VideoActivities, 'assemble'>>({
  taskQueue: queues.media,
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: mediaSilence,
  // The render's to mend, not another try's.
  retry: { ...alwaysRetry, nonRetryableErrorTypes: ['chunk_damaged' satisfies FailureCode] },
  cancellationType: whenEnded,
  summary: 'chunks and the uploaded sound to one file',
})
const removal = {
  taskQueue: queues.videos,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: alwaysRetry,
  cancellationType: whenEnded,
} as const
const { remove } = proxyActivities<Pick<VideoActivities, 'remove'>>({
  ...removal,
  summary: 'every object of the video',
})
const { removeMade } = proxyActivities<Pick<VideoActivities, 'removeMade'>>({
  ...removal,
  summary: 'prepared inputs, chunks and file of a cancelled video',
})

/** What was made of a cancelled video is gone within this time, or its owner is answered all the same. */
const cancelAnswerMs = 5_000

/**
 * One video, from its acceptance to its removal: queued, processing, completed or failed or cancelled, kept until it is
 * deleted or expires, deleting, closed. An open workflow is a video that exists.
 *
 * `cancel` makes it cancelled at once, whatever is under way; then the render is stopped and what was made is removed. A
 * cancel request from the web UI does the same. What follows cannot be cancelled any more.
 */
export async function video(input: VideoInput): Promise<void> {
  const { order, retentionMs } = input
  const record = new VideoRecord(input)
  const making = new CancellationScope()
  let deleted: VideoMemo | undefined
  let cleared = false
  let removed = false

  const end = (ending: Partial<VideoMemo>) => {
    const endedAt = Date.now()
    record.change({ ...ending, endedAt, expiresAt: endedAt + retentionMs }, ['node'])
    videosSink.ended(record.memo.phase, ending.error?.code)
  }

  setHandler(
    deletion,
    async () => {
      // A second request finds the first under way and answers alike.
      deleted ??= record.memo
      making.cancel()
      // Also after a cancel request, which would end the wait.
      await CancellationScope.nonCancellable(() => condition(() => removed))
      return deleted
    },
    { validator: () => refuseWhileProcessing(record.memo) },
  )
  setHandler(
    cancellation,
    async (reached: number | undefined) => {
      if (record.memo.phase !== 'cancelled') {
        record.now('being cancelled')
        end({ ...cancelled, progressFloor: Math.max(record.memo.progressFloor ?? 0, reached ?? 0) })
        making.cancel()
      }
      const { memo } = record
      await CancellationScope.nonCancellable(() => condition(() => cleared || removed, cancelAnswerMs))
      return memo
    },
    { validator: (_reached: number | undefined) => refuseWhenOver(record.memo) },
  )

  let ending: Partial<VideoMemo>
  try {
    ending = await making.run(() => make(input, record))
  } catch (error) {
    ending = endingOf(error)
  }

  await CancellationScope.nonCancellable(async () => {
    if (deleted === undefined) {
      // What was finished in the moment of its cancellation is cancelled all the same: its owner was told so.
      if (record.memo.phase !== 'cancelled') end(ending)
      if (record.memo.phase === 'cancelled') {
        record.now('removing what was made')
        await retryForever(() => removeMade(order.videoId))
        cleared = true
      }
      record.now('kept until it is deleted or expires')
      const leftMs = (record.memo.expiresAt ?? 0) - Date.now()
      await condition(() => deleted !== undefined, Math.max(1, leftMs))
    }
    record.now('removing every object')
    record.change({ phase: 'deleting' }, ['node'])
    await retryForever(() => remove(order.videoId))
    removed = true
    await condition(allHandlersFinished)
  })
}

function refuseWhileProcessing({ phase }: VideoMemo): void {
  if (phase !== 'processing') return
  throw ApplicationFailure.create({
    type: deleteRefused,
    message: 'the video is being processed; it can be deleted once that has ended',
    nonRetryable: true,
  })
}

function refuseWhenOver({ phase }: VideoMemo): void {
  if (!isOver(phase)) return
  throw ApplicationFailure.create({
    type: cancelRefused,
    message: phase === 'deleting' ? 'the video is being deleted' : `the video has ${phase}: it can only be deleted`,
    nonRetryable: true,
  })
}

async function make({ order }: VideoInput, record: VideoRecord): Promise<Partial<VideoMemo>> {
  const generations = new RenderGenerations(order, await renderedReference(order, record), record)
  for (let why: string | undefined; ; ) {
    const rendered = await generations.render(why)
    // It may end well all the same in the moment of its cancellation: what its owner was told stands.
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled while it was rendered')
    record.now('being assembled')
    // No render is pending from here on, so the last word on progress must be here.
    record.change({ phase: 'processing', progressFloor: 99 }, ['node'])
    try {
      const file = await retryInternal(() => assemble(order, rendered))
      return { phase: 'completed', file }
    } catch (error) {
      const { code, detail } = readFailure(error)
      if (code !== 'chunk_damaged') throw error
      log.warn('a finished chunk is rendered again', { code, detail })
      why = detail
    }
  }
}

/** A picture is read as it lies in S3 since the order was accepted; a film is made ready for the ranks first. */
async function renderedReference(order: Order, record: VideoRecord): Promise<RenderedReference> {
  const { kind, key, bytes, sha256 } = order.reference
  if (kind === 'picture') return { kind, key, bytes, sha256 }
  record.now('being prepared')
  return { kind, ...(await retryInternal(() => prepare(order))) }
}

/** Objects that are to go must go: a fault of ours only delays it. */
async function retryForever(removal: () => Promise<void>): Promise<void> {
  for (let faults = 1; ; faults++) {
    try {
      return await removal()
    } catch (error) {
      logInternal(readFailure(error), faults)
      await sleep('10 minutes')
    }
  }
}

const cancelled = { phase: 'cancelled', error: { code: 'cancelled', detail: 'the video was cancelled' } } as const

/** How a video ends that was not completed. A bug in the workflow is thrown on: its task fails until it is mended. */
function endingOf(error: unknown): Partial<VideoMemo> {
  if (isCancellation(error)) return cancelled
  const { code, detail } = readFailure(error)
  const ending = endingCode(code)
  if (isOurFault(ending)) log.error('the video failed by a fault of ours', { code, detail })
  return { phase: 'failed', error: { code: ending, detail } }
}
