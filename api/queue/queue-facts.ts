import { estimatedMinutes } from './estimate.js'
import { unfinishedOf } from './video-lister.js'
import type { Nodes } from './nodes.js'
import { progressPercent, type QueueFacts, type VideoState } from '../videos/present-video.js'
import type { QueueView } from './queue-view.js'
import { askTemporalOnce } from '../videos/temporal-calls.js'

/** What the queue and the nodes add to a video's answer. A video that is over waits for nobody: the queue is not asked. */
export async function queueFacts(state: VideoState, queue: QueueView, nodes: Nodes): Promise<QueueFacts> {
  const video = unfinishedOf(state.id, state.memo, state.priority)
  if (video === undefined) return { queueLength: 0, estimatedMinutes: 0 }
  const [videos, live] = await Promise.all([askTemporalOnce(() => queue.videos()), nodes.live()])
  return {
    queueLength: videos.ahead(video),
    estimatedMinutes: estimatedMinutes(
      { video, progress: state.progress, percent: progressPercent(state.memo, state.progress) },
      videos,
      live,
    ),
  }
}
