import type { Client } from '@temporalio/client'
import {
  defaultPriority,
  defaultTenant,
  queues,
  searchAttributes,
  videoMemoKey,
  videoWorkflow,
} from '../../workflows/names.js'
import type { Order } from '../../workflows/order.js'
import { queuedMemo } from '../../workflows/video/queued-memo.js'
import type { VideoInput, VideoMemo } from '../../workflows/video.js'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { orderParameters } from '../../workflows/parameters.js'
import { anAcceptedOrder } from '../support/api/an-order.js'
import { newVideoId } from '../../api/acceptance/video-id.js'

const file = { key: 'bench/none', bytes: 1, sha256: '0'.repeat(64) }

/** A video as the API starts one, but for its inputs, which do not exist. */
export function startBenchVideo(
  client: Client,
  memo: Partial<VideoMemo> = {},
  taskQueue: string = queues.videos,
): Promise<string> {
  const order = anAcceptedOrder('', {
    ...orderParameters.parse({ prompt: 'A woman speaks into a studio microphone' }),
    reference: { ...file, kind: 'picture', width: 640, height: 640 },
    voices: [{ ...file, samples: 160_000, analysis: file }],
  })
  return startVideoLike(client, order, { memo, taskQueue })
}

/** The bare start that a submit is measured against: another video of the same order, with the same memo and search attributes. */
export async function startVideoLike(
  client: Client,
  order: Order,
  { memo = {}, taskQueue = queues.videos }: { memo?: Partial<VideoMemo>; taskQueue?: string } = {},
): Promise<string> {
  const input: VideoInput = {
    order: { ...order, videoId: newVideoId() },
    createdAt: Date.now(),
    retentionMs: 86_400_000,
  }
  const { videoId } = input.order
  const known: VideoMemo = { ...queuedMemo(input), ...memo }
  await client.workflow.start(videoWorkflow, {
    workflowId: videoId,
    taskQueue,
    args: [input],
    memo: { [videoMemoKey]: known },
    typedSearchAttributes: [
      { key: defineSearchAttributeKey(searchAttributes.phase, SearchAttributeType.KEYWORD), value: known.phase },
      { key: defineSearchAttributeKey(searchAttributes.tenant, SearchAttributeType.KEYWORD), value: defaultTenant },
      { key: defineSearchAttributeKey(searchAttributes.priority, SearchAttributeType.INT), value: defaultPriority },
      { key: defineSearchAttributeKey(searchAttributes.changedAt, SearchAttributeType.DATETIME), value: new Date() },
    ],
    priority: { priorityKey: defaultPriority, fairnessKey: defaultTenant },
  })
  return videoId
}
