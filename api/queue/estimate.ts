import type { NodeAnnouncement } from '../../workflows/node.js'
import type { RenderProgress } from '../../workflows/progress.js'
import { Fleet } from './fleet.js'
import type { Unfinished, UnfinishedVideos } from './unfinished-videos.js'

/** What an estimate of one video is made from. */
export type EstimateOf = { video: Unfinished; progress?: RenderProgress | undefined; percent: number }

/**
 * Minutes, rounded up, until a video is rendered: the work ahead by the speed of all live nodes together, then its own rest by one node's
 * speed, each video's at the measured shape nearest to its own. With nothing measured there is no number to give, and the answer is 0.
 * Preparing and assembling the files are not in it.
 */
export function estimatedMinutes(
  { video, progress, percent }: EstimateOf,
  unfinished: UnfinishedVideos,
  nodes: readonly NodeAnnouncement[],
  now = Date.now(),
): number {
  // Measured by the render itself.
  if (video.phase === 'processing' && typeof progress?.secondsLeft === 'number') return toMinutes(progress.secondsLeft)
  const fleet = new Fleet(nodes)
  if (!fleet.isMeasured) return 0
  const own = video.work / fleet.one(video.tokens)
  if (video.phase === 'processing') return toMinutes((own * (100 - percent)) / 100)
  const processing = unfinished
    .processing()
    .filter((other) => other.id !== video.id)
    .reduce((sum, other) => sum + workLeft(other, fleet, now) / fleet.together(other.tokens), 0)
  const queued = unfinished
    .queuedWorkAhead(video)
    .reduce((sum, { tokens, work }) => sum + work / fleet.together(tokens), 0)
  return toMinutes(processing + queued + own)
}

/** What is left of a render, by its time so far and the measured speed of its node: no call is made to ask. */
function workLeft(video: Unfinished, fleet: Fleet, now: number): number {
  if (video.startedAt === undefined) return video.work
  const speed = fleet.of(video.node, video.tokens)
  return Math.max(0, video.work - (Math.max(0, now - video.startedAt) / 1000) * speed)
}

function toMinutes(seconds: number): number {
  return Math.ceil(seconds / 60)
}
