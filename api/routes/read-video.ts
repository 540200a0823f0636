import { Router } from 'express'
import type { ApiParts } from '../api-parts.js'
import { noteHeader } from '../videos/present-video.js'
import { logVideo } from '../http/request-log.js'

/** GET /v1/videos/{video_id}: one describe call, shared by all who ask at once, and the queue view. */
export function readVideo({ reader, present }: Pick<ApiParts, 'reader' | 'present'>): Router {
  return Router().get('/v1/videos/:video_id', async (req, res) => {
    const id = req.params.video_id
    const state = await reader.read(id)
    logVideo(res, id)
    res.set({ 'cache-control': 'no-store', ...noteHeader(state.memo) }).json(await present(state))
  })
}
