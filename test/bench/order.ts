import { randomBytes } from 'node:crypto'
import type { Client } from '@temporalio/client'
import {
  defaultPriority,
  defaultTenant,
  queues,
  searchAttributes,
  videoMemoKey,
  videoWorkflow,
} from '../../workflows/names.js'
import { orderParameters } from '../../workflows/parameters.js'
import { queuedMemo } from '../../workflows/video/queued-memo.js'
import type { VideoInput, VideoMemo } from '../../workflows/video.js'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { anAcceptedOrder } from '../support/an-order.js'

const file = { key: 'bench/none', bytes: 1, sha256: '0'.repeat(64) }

/** A video as the API starts one, but for its inputs, which do not exist. */
export function benchVideo(): VideoInput {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const random = [...randomBytes(10)].map((byte) => letters[byte % 32]).join('')
  const order = anAcceptedOrder(`video_${Math.floor(Date.now() / 1000)}_${random}`, {
    ...orderParameters.parse({ prompt: 'A woman speaks into a studio microphone' }),
    reference: { ...file, kind: 'picture', width: 640, height: 640 },
    voices: [{ ...file, samples: 160_000, analysis: file }],
  })
  return { order, createdAt: Date.now(), retentionMs: 86_400_000 }
}

/** The bare start that a submit is measured against, with the same memo and search attributes. */
export async function startBenchVideo(
  client: Client,
  memo: Partial<VideoMemo> = {},
  taskQueue: string = queues.videos,
): Promise<string> {
  const input = benchVideo()
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
