import type { NodeAnnouncement } from '../workflows/node.js'
import type { RenderProgress } from '../workflows/progress.js'
import type { Unfinished, UnfinishedVideos } from './unfinished-videos.js'

/** What an estimate of one video is made from. */
export type EstimateOf = { video: Unfinished; progress?: RenderProgress | undefined; percent: number }

/**
 * Minutes, rounded up, until a video is rendered: the work ahead by the speed of all live nodes together, then its own rest by one node's
 * speed. Speeds are measured by the nodes; with none measured there is no number to give, and the answer is 0.
 * Preparing and assembling the files are not in it.
 */
export function estimatedMinutes(
  { video, progress, percent }: EstimateOf,
  unfinished: UnfinishedVideos,
  nodes: readonly NodeAnnouncement[],
  now = Date.now(),
): number {
  const speeds = nodes.filter((node) => node.state !== 'draining').flatMap((node) => node.workPerSecond ?? [])
  if (speeds.length === 0) return 0
  const total = speeds.reduce((sum, speed) => sum + speed, 0)
  const oneNode = total / speeds.length
  if (video.phase === 'processing') {
    return toMinutes(progress?.secondsLeft ?? (video.work * (100 - percent)) / 100 / oneNode)
  }
  const processing = unfinished
    .processing()
    .filter((other) => other.id !== video.id)
    .reduce((sum, other) => sum + workLeft(other, nodes, oneNode, now), 0)
  return toMinutes((processing + unfinished.queuedWorkAhead(video)) / total + video.work / oneNode)
}

/** What is left of a render, by its time so far and the measured speed of its node: no call is made to ask. */
function workLeft(video: Unfinished, nodes: readonly NodeAnnouncement[], oneNode: number, now: number): number {
  if (video.startedAt === undefined) return video.work
  const speed = nodes.find((node) => node.node === video.node)?.workPerSecond ?? oneNode
  return Math.max(0, video.work - (Math.max(0, now - video.startedAt) / 1000) * speed)
}

function toMinutes(seconds: number): number {
  return Math.ceil(seconds / 60)
}
