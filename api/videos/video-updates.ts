import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import type { VideoMemo } from '../../workflows/video.js'
import { Problem, videoNotFound } from '../http/problems.js'
import { askTemporal, isAway } from './temporal-calls.js'

/** Ranks leave within a step and removing many chunks takes a while; a worker must be there to do it. */
const updateMs = 10_000

export type VideoUpdate = {
  /** The update's name, and its id: one asked for again finds the first one, under way or done, from whatever process it came. */
  name: string
  /** The `ApplicationFailure.type` with which the workflow refuses it, and what that means to the client. */
  refusedAs: string
  refusal: () => Problem
  /** For the client: "the video could not be … in time". */
  done: 'deleted' | 'cancelled'
}

/**
 * Has a video's workflow change itself, and gives back the memo that it answers with. Rejects with a Problem: the refusal,
 * not found, or unavailable when no worker took it in time (which it then may still be).
 */
export async function updateVideo(
  client: Client,
  id: string,
  update: VideoUpdate,
  argument?: number,
): Promise<VideoMemo> {
  const handle = client.workflow.getHandle(id)
  const { name } = update
  try {
    return await client.withDeadline(Date.now() + updateMs, () =>
      argument === undefined
        ? handle.executeUpdate<VideoMemo, []>(name, { updateId: name })
        : handle.executeUpdate<VideoMemo, [number]>(name, { updateId: name, args: [argument] }),
    )
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw videoNotFound(id)
    const refused = error instanceof WorkflowUpdateFailedError ? error.cause : undefined
    if (refused instanceof ApplicationFailure && refused.type === update.refusedAs) throw update.refusal()
    // It closed under another's delete before a worker took this.
    if (error instanceof WorkflowUpdateFailedError && (await isClosed(client, id))) throw videoNotFound(id)
    throw isTimeout(error) ? notInTime(update, error) : error
  }
}

/** Temporal was there a moment ago: it is a worker that is missing, or slow. */
function notInTime({ done }: VideoUpdate, cause: unknown): Problem {
  return new Problem('unavailable', `the video could not be ${done} in time; it may still be: try again in a moment`, {
    headers: { 'retry-after': '5' },
    cause,
  })
}

async function isClosed(client: Client, id: string): Promise<boolean> {
  const { status } = await askTemporal(client, () => client.workflow.getHandle(id).describe())
  return status.name !== 'RUNNING'
}

function isTimeout(error: unknown): boolean {
  return isAway(error) || (error instanceof Error && error.name === 'WorkflowUpdateRPCTimeoutOrCancelledError')
}
