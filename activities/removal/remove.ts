import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { VideoActivities } from '../../workflows/video/video-activities.js'
import { startHeartbeats } from '../worker/heartbeats.js'

/** Removes the objects of a video, all or those that were made of its inputs; with nothing left to remove it succeeds as well. */
export function createRemoveActivities({
  store,
  log,
}: {
  store: Pick<ObjectStore, 'removeAll'>
  log: Log
}): Pick<VideoActivities, 'remove' | 'removeMade'> {
  return {
    remove: (videoId) => removeUnder(videoId, [objectKeys.video(videoId)]),
    removeMade: (videoId) =>
      removeUnder(videoId, [objectKeys.chunks(videoId), objectKeys.prepared(videoId), objectKeys.output(videoId)]),
  }

  async function removeUnder(videoId: string, prefixes: string[]): Promise<void> {
    using _beats = startHeartbeats(5000)
    let objects = 0
    for (const prefix of prefixes) objects += await store.removeAll(prefix)
    log.info({ event: 'removed', video: videoId, objects }, `removed ${objects} objects`)
  }
}
