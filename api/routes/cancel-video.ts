import { Router } from 'express'
import { cancelRefused, cancelUpdate } from '../../workflows/names.js'
import type { ApiParts } from '../api-parts.js'
import { progressPercent } from '../videos/present-video.js'
import { Problem } from '../http/problems.js'
import { logVideo, requestLog } from '../http/request-log.js'
import { updateVideo } from '../videos/video-updates.js'

const cancellation = {
  name: cancelUpdate,
  refusedAs: cancelRefused,
  refusal: () =>
    new Problem('video_is_over', 'the video is completed or failed: there is nothing left to cancel', {
      param: 'video_id',
      // SDKs try every other 409 again.
      headers: { 'x-should-retry': 'false' },
    }),
  done: 'cancelled',
} as const

type CancelParts = Pick<ApiParts, 'client' | 'reader' | 'queue' | 'present'>

/**
 * POST /v1/videos/{video_id}/cancel: an update of the workflow, which stops what is under way and removes what was made. The
 * same again is answered alike.
 */
export function cancelVideo({ client, reader, queue, present }: CancelParts): Router {
  return Router().post('/v1/videos/:video_id/cancel', async (req, res) => {
    const id = req.params.video_id
    const state = await reader.read(id)
    logVideo(res, id)
    const memo = await updateVideo(client, id, cancellation, progressPercent(state.memo, state.progress))
    reader.forget(id)
    queue.removed(id)
    requestLog(res).info({ event: 'cancelled' }, 'video cancelled')
    res.set('cache-control', 'no-store').json(await present({ id, memo, priority: state.priority }))
  })
}
