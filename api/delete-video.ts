import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { Router } from 'express'
import { deleteRefused, deleteUpdate } from '../workflows/names.js'
import type { VideoMemo } from '../workflows/video.js'
import type { ApiParts } from './api-parts.js'
import { presentVideo } from './present-video.js'
import { Problem, videoNotFound } from './problems.js'
import { logVideo, requestLog } from './request-log.js'
import { askTemporal, isAway } from './temporal-calls.js'

/** Removing many chunks takes a while, and a worker must be there to do it. */
const deleteMs = 10_000

/** DELETE /v1/videos/{video_id}: an update of the workflow, which removes every object and closes; refused while it is being processed. */
export function deleteVideo({ client, reader, queue, nodes }: ApiParts): Router {
  return Router().delete('/v1/videos/:video_id', async (req, res) => {
    const id = req.params.video_id
    const { priority } = await reader.read(id)
    logVideo(res, id)
    const memo = await remove(client, id)
    reader.forget(id)
    queue.removed(id)
    requestLog(res).info({ event: 'deleted' }, 'video deleted')
    const model = await nodes.modelOf(memo.node)
    const answer = presentVideo({ id, memo, priority }, { queueLength: 0, estimatedMinutes: 0, model })
    res.json({ ...answer, status: 'deleted' })
  })
}

async function remove(client: Client, id: string): Promise<VideoMemo> {
  const handle = client.workflow.getHandle(id)
  try {
    return await client.withDeadline(Date.now() + deleteMs, () => handle.executeUpdate<VideoMemo, []>(deleteUpdate))
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw videoNotFound(id)
    const refusal = error instanceof WorkflowUpdateFailedError ? error.cause : undefined
    if (refusal instanceof ApplicationFailure && refusal.type === deleteRefused) {
      throw new Problem('video_is_processing', 'a video that is being processed cannot be deleted', {
        param: 'video_id',
      })
    }
    // No worker took it in time, or it closed under another's delete.
    if (error instanceof WorkflowUpdateFailedError && (await isClosed(client, id))) throw videoNotFound(id)
    throw isTimeout(error) ? notInTime(error) : error
  }
}

/** Temporal was there a moment ago: it is a worker that is missing, or slow. */
function notInTime(cause: unknown): Problem {
  return new Problem('unavailable', 'the video could not be deleted in time; it may still be: try again in a moment', {
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
