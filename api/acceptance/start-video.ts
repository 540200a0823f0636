import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, WorkflowIdReusePolicy, WorkflowNotFoundError } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import type { Log } from '../../infra/program/log.js'
import {
  defaultPriority,
  defaultTenant,
  deleteUpdate,
  queues,
  searchAttributes,
  videoMemoKey,
  videoWorkflow,
} from '../../workflows/names.js'
import { counted } from '../../workflows/plural.js'
import type { VideoInput, VideoMemo } from '../../workflows/video.js'
import { askTemporal, isAway } from '../videos/temporal-calls.js'

const attributes = {
  phase: defineSearchAttributeKey(searchAttributes.phase, SearchAttributeType.KEYWORD),
  tenant: defineSearchAttributeKey(searchAttributes.tenant, SearchAttributeType.KEYWORD),
  priority: defineSearchAttributeKey(searchAttributes.priority, SearchAttributeType.INT),
  changedAt: defineSearchAttributeKey(searchAttributes.changedAt, SearchAttributeType.DATETIME),
}

/**
 * `started`     the video exists
 * `not-started` it does not, and will not: its objects can go
 * `unknown`     Temporal's answer was lost and it cannot be asked; `cause` says how
 */
export type StartOutcome =
  | { kind: 'started' }
  | { kind: 'not-started'; cause: unknown }
  | { kind: 'unknown'; cause: unknown }

/**
 * Starts the workflow that is the video from now on, or finds that another has: an answer that was lost on its way, or a
 * start that was refused because there is one already, is looked for by asking whether the video exists.
 */
export async function startVideo(client: Client, input: VideoInput, memo: VideoMemo): Promise<StartOutcome> {
  const { videoId } = input.order
  try {
    await askTemporal(client, () => start(client, input, memo), startMs)
    return { kind: 'started' }
  } catch (cause) {
    try {
      return (await exists(client, videoId)) ? { kind: 'started' } : { kind: 'not-started', cause }
    } catch {
      return { kind: 'unknown', cause }
    }
  }
}

/** With the second look after it, whoever waits is answered within 5 s. */
const startMs = 3_000

/** Whether a workflow of this id runs. */
async function exists(client: Client, id: string): Promise<boolean> {
  try {
    // What we were not answered within a second we will not be answered now.
    const { status } = await askTemporal(client, () => client.workflow.getHandle(id).describe(), 1_000)
    return status.name === 'RUNNING'
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}

/** A task takes milliseconds; one whose worker was killed under it is given to another after so long. The server's own 10 s held up chaos runs. */
const taskTimeout = '5 seconds'

async function start(client: Client, input: VideoInput, memo: VideoMemo): Promise<void> {
  const { order, createdAt } = input
  await client.workflow.start(videoWorkflow, {
    workflowId: order.videoId,
    // Whoever repeats a request starts the same video: once is enough, also when it has been deleted since.
    workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    taskQueue: queues.videos,
    workflowTaskTimeout: taskTimeout,
    args: [input],
    memo: { [videoMemoKey]: memo },
    typedSearchAttributes: [
      { key: attributes.phase, value: memo.phase },
      { key: attributes.tenant, value: defaultTenant },
      { key: attributes.priority, value: defaultPriority },
      { key: attributes.changedAt, value: new Date(createdAt) },
    ],
    priority: { priorityKey: defaultPriority, fairnessKey: defaultTenant },
    staticSummary: summaryOf(input, memo),
  })
}

/** One line for the web UI, below its 400 bytes. */
function summaryOf({ order }: VideoInput, { seconds, width, height }: VideoMemo): string {
  const { length } = order.voices
  const voices = counted(length, 'voice') + (length > 1 ? ` (${order.parameters.audio_type})` : '')
  const { fps, steps, seed } = order.parameters
  const prompt = [...order.parameters.prompt.replace(/\s+/g, ' ')].slice(0, 60).join('')
  const facts = [`${seconds.toFixed(1)} s`, `${width}x${height}`, `${fps} fps`, counted(steps, 'step'), voices]
  return [...facts, `seed ${seed}`, ...(prompt === '' ? [] : [`“${prompt}”`])].join(' · ')
}

const settleEveryMs = 5_000
const settleForMs = 600_000

/**
 * Settles a start of unknown outcome once Temporal can be asked again. The client was told that nothing was
 * accepted: a video that did start is removed, and so are the objects of one that did not. What is still open when the
 * process ends or after ten minutes is left to the nightly sweep.
 */
export async function settleUnknownStart(
  client: Client,
  id: string,
  { removeObjects, log, signal }: { removeObjects: () => Promise<void>; log: Log; signal: AbortSignal },
): Promise<void> {
  const until = Date.now() + settleForMs
  while (Date.now() < until) {
    // First of all longer than the start's own deadline, after which the server no longer takes it.
    await sleep(settleEveryMs, undefined, { signal })
    try {
      if (await exists(client, id)) {
        await askTemporal(client, () => client.workflow.getHandle(id).executeUpdate(deleteUpdate))
        log.info({ event: 'settled', video: id }, 'a video that started after its client was refused was removed')
      } else {
        await removeObjects()
        log.info({ event: 'settled', video: id }, 'the objects of a video that never started were removed')
      }
      return
    } catch (err) {
      if (!isAway(err)) log.debug({ err, video: id }, 'a start of unknown outcome is not settled yet')
    }
  }
}
