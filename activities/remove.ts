import type { Log } from '../infra/log.js'
import type { ObjectStore } from '../infra/object-store.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { VideoActivities } from '../workflows/video-activities.js'
import { startHeartbeats } from './heartbeats.js'

/** Removes every object of a video; with nothing left to remove it succeeds as well. */
export function createRemoveActivities({
  store,
  log,
}: {
  store: Pick<ObjectStore, 'removeAll'>
  log: Log
}): Pick<VideoActivities, 'remove'> {
  return {
    async remove(videoId) {
      using _beats = startHeartbeats(5000)
      const objects = await store.removeAll(objectKeys.video(videoId))
      log.info({ event: 'removed', video: videoId, objects }, `removed ${objects} objects`)
    },
  }
}
