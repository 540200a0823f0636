import {
  allHandlersFinished,
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow'
import { failures } from './failures.js'
import { deleteRefused, deleteUpdate, queues } from './names.js'
import { despiteOwnFaults, logFault } from './own-faults.js'
import { readFailure } from './read-failure.js'
import { renderGenerations } from './render-generations.js'
import type { VideoInput, VideoMemo } from './video.js'
import type { VideoActivities } from './video-activities.js'
import { VideoRecord } from './video-record.js'

const deletion = defineUpdate<VideoMemo>(deleteUpdate)

/** The world's faults are tried again without end; activities mark all others as not to be retried. */
const worldRetry = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
} as const

/** Objects are removed only when nobody writes any more. Said outright: the SDK's documented default is not what it does. */
const whenEnded = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

const { prepare } = proxyActivities<Pick<VideoActivities, 'prepare'>>({
  taskQueue: queues.media,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: worldRetry,
  cancellationType: whenEnded,
  summary: 'sound to 16 kHz, reference to what the ranks read',
})
const { assemble } = proxyActivities<Pick<VideoActivities, 'assemble'>>({
  taskQueue: queues.media,
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '30 seconds',
  retry: worldRetry,
  cancellationType: whenEnded,
  summary: 'chunks and the uploaded sound to one file',
})
const { remove } = proxyActivities<Pick<VideoActivities, 'remove'>>({
  taskQueue: queues.videos,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: worldRetry,
  cancellationType: whenEnded,
  summary: 'every object of the video',
})

/**
 * One video, from its acceptance to its removal: queued, processing, completed or failed or cancelled, kept until it is
 * deleted or expires, deleting, closed. An open workflow is a video that exists.
 *
 * A cancel request stops the render and leaves the video `cancelled`; what follows cannot be cancelled any more.
 */
export async function video(input: VideoInput): Promise<void> {
  const { order, retentionMs } = input
  const record = new VideoRecord(input)
  const making = new CancellationScope()
  let deleted: VideoMemo | undefined
  let removed = false

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

  let ending: Partial<VideoMemo>
  try {
    ending = await making.run(() => make(input, record))
  } catch (error) {
    ending = endingOf(error)
  }

  await CancellationScope.nonCancellable(async () => {
    if (deleted === undefined) {
      const endedAt = Date.now()
      record.now('kept until it is deleted or expires')
      record.change({ ...ending, endedAt, expiresAt: endedAt + retentionMs }, ['node'])
      await condition(() => deleted !== undefined, retentionMs)
    }
    record.now('removing every object')
    record.change({ phase: 'deleting' }, ['node'])
    await removeAll(order.videoId)
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

async function make({ order }: VideoInput, record: VideoRecord): Promise<Partial<VideoMemo>> {
  record.now('being prepared')
  const prepared = await despiteOwnFaults(() => prepare(order))
  const rendered = await renderGenerations(order, prepared, record)
  record.now('being assembled')
  // No render is pending from here on, so the last word on progress must be here.
  record.change({ phase: 'processing', progressFloor: 99 }, ['node'])
  const file = await despiteOwnFaults(() => assemble(order, rendered))
  return { phase: 'completed', file }
}

/** The objects of a removed video must go, whatever it takes: a fault of ours only delays it. */
async function removeAll(videoId: string): Promise<void> {
  for (let faults = 1; ; faults++) {
    try {
      return await remove(videoId)
    } catch (error) {
      logFault(readFailure(error), faults)
      await sleep('10 minutes')
    }
  }
}

/** How a video ends that was not completed. A bug in the workflow is thrown on: its task fails until it is mended. */
function endingOf(error: unknown): Partial<VideoMemo> {
  if (isCancellation(error))
    return { phase: 'cancelled', error: { word: 'Cancelled', message: 'the video was cancelled' } }
  const { word, message } = readFailure(error)
  if (failures[word] === 'service') log.error('the video failed by a fault of ours', { word, message })
  return { phase: 'failed', error: { word, message } }
}
