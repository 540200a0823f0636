import { Router } from 'express'
import { deleteRefused, deleteUpdate } from '../../workflows/names.js'
import type { ApiParts } from '../api-parts.js'
import { presentVideo } from '../videos/present-video.js'
import { Problem } from '../http/problems.js'
import { logVideo, requestLog } from '../http/request-log.js'
import { updateVideo } from '../videos/video-updates.js'

const deletion = {
  name: deleteUpdate,
  refusedAs: deleteRefused,
  refusal: () =>
    new Problem('video_is_processing', 'a video that is being processed cannot be deleted; it can be cancelled', {
      param: 'video_id',
    }),
  done: 'deleted',
} as const

type DeleteParts = Pick<ApiParts, 'client' | 'reader' | 'queue' | 'model'>

/** DELETE /v1/videos/{video_id}: an update of the workflow, which removes every object and closes; refused while it is being processed. */
export function deleteVideo({ client, reader, queue, model }: DeleteParts): Router {
  return Router().delete('/v1/videos/:video_id', async (req, res) => {
    const id = req.params.video_id
    const { priority } = await reader.read(id)
    logVideo(res, id)
    const memo = await updateVideo(client, id, deletion)
    reader.forget(id)
    queue.removed(id)
    requestLog(res).info({ event: 'deleted' }, 'video deleted')
    const answer = presentVideo({ id, memo, priority }, { queueLength: 0, estimatedMinutes: 0, model })
    res.json({ ...answer, status: 'deleted' })
  })
}
