import { Gauge, type Registry } from 'prom-client'
import type { QueueView } from './queue-view.js'
import type { UnfinishedVideos } from './unfinished-videos.js'
import { within } from '../http/within.js'

/** Prometheus gives a scrape 10 s; a queue that is not known sooner is not known. */
const patienceMs = 3_000

/**
 * Has the registry tell what waits and what is under way. A scrape asks the queue view as a client does, and so keeps it up: one
 * query a second, for what has changed (1.5 ms of the server), and none for the whole list. NaN while Temporal has never answered.
 */
export function observeQueue(registry: Registry, queue: Pick<QueueView, 'videos'>, now: () => number = Date.now): void {
  const registers = [registry]
  const known = async (): Promise<UnfinishedVideos | undefined> =>
    within(patienceMs, () => queue.videos()).catch(() => undefined)
  new Gauge({
    name: 'text2video_unfinished_videos',
    help: 'Videos that wait (queued) or are being processed, in the whole service.',
    labelNames: ['phase'],
    registers,
    async collect() {
      const videos = await known()
      const processing = videos?.processing().length ?? Number.NaN
      this.set({ phase: 'processing' }, processing)
      this.set({ phase: 'queued' }, (videos?.size ?? Number.NaN) - processing)
    },
  })
  new Gauge({
    name: 'text2video_oldest_queued_video_seconds',
    help: 'Age of the video that has waited longest for a node; 0 when none waits.',
    registers,
    async collect() {
      const videos = await known()
      const since = videos?.oldestQueuedAt()
      this.set(videos === undefined ? Number.NaN : since === undefined ? 0 : Math.max(0, now() - since) / 1000)
    },
  })
}
