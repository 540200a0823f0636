import { Counter, type Registry } from 'prom-client'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { SweepActivities, Swept } from '../../workflows/sweep/sweep-activities.js'
import { videoIdPattern } from '../../workflows/video.js'
import { startHeartbeats } from '../worker/heartbeats.js'

export type SweepDependencies = {
  store: Pick<ObjectStore, 'list' | 'removeAll' | 'unfinished' | 'abort'>
  /** Whether the video exists; rejects when that cannot be told. */
  isOpen: (videoId: string) => Promise<boolean>
  registry: Registry
  log: Log
}

const hourMs = 3_600_000
/** Claims hold for 24 h. What they point at stays an hour longer, so that a claim never leads to a video that is being removed. */
const claimMs = 24 * hourMs
const leftoverMs = 25 * hourMs
const nodeMs = 7 * 24 * hourMs

/** The sweep as an activity: counted, and logged. */
export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { registry, log } = dependencies
  const name = 'text2video_swept_total'
  const counter = new Counter({
    name,
    help: 'Leftovers that the nightly sweep removed, by kind.',
    labelNames: ['kind'],
    registers: [registry],
  })
  return {
    async sweep() {
      using _beats = startHeartbeats(5000)
      const swept = await sweep(dependencies)
      for (const [kind, count] of Object.entries(swept)) if (kind !== 'unsure') counter.inc({ kind }, count)
      log.info({ event: 'swept', ...swept }, 'the nightly sweep is done')
      return swept
    },
  }
}

/**
 * Removes what killed processes left: objects and unfinished uploads of videos that do not exist, older than a day; claims that hold no
 * more; announcements of nodes that are gone. A video that exists, or of which that cannot be told, is not touched,
 * nor is any object whose place is not known here.
 */
export async function sweep(
  { store, isOpen, log }: Omit<SweepDependencies, 'registry'>,
  now = Date.now(),
): Promise<Swept> {
  const swept: Swept = { videos: 0, objects: 0, uploads: 0, claims: 0, nodes: 0, unsure: 0 }
  const isLeftover = async (videoId: string): Promise<boolean> => {
    if (now - createdAt(videoId) < leftoverMs) return false
    try {
      return !(await isOpen(videoId))
    } catch (err) {
      swept.unsure++
      log.warn({ event: 'unsure', video: videoId, err }, 'left as it is, since nobody says whether it exists')
      return false
    }
  }

  for await (const upload of store.unfinished()) {
    if (now - upload.startedAt < claimMs) continue
    const videoId = videoOf(upload.key)
    if (videoId === undefined || !(await isLeftover(videoId))) continue
    await store.abort(upload)
    swept.uploads++
  }

  let last: string | undefined // keys come in order, so a video's stand together
  for await (const { key } of store.list('videos/')) {
    const videoId = videoOf(key)
    if (videoId === undefined || videoId === last) continue
    last = videoId
    if (!(await isLeftover(videoId))) continue
    const objects = await store.removeAll(objectKeys.video(videoId))
    log.info({ event: 'swept-video', video: videoId, objects }, 'removed what was left of a video that does not exist')
    swept.videos++
    swept.objects += objects
  }

  swept.claims = await removeOlder(objectKeys.claims, claimMs)
  swept.nodes = await removeOlder(objectKeys.nodes, nodeMs)
  return swept

  async function removeOlder(prefix: string, ageMs: number): Promise<number> {
    let removed = 0
    for await (const { key, modifiedAt } of store.list(prefix)) {
      if (now - modifiedAt < ageMs || !key.endsWith('.json')) continue
      removed += await store.removeAll(key)
    }
    return removed
  }
}

/** Undefined for what does not lie where a video's objects do. */
function videoOf(key: string): string | undefined {
  const [, id] = /^videos\/([^/]+)\/./.exec(key) ?? []
  return id !== undefined && videoIdPattern.test(id) ? id : undefined
}

/** A video's id says when it was accepted. */
const createdAt = (videoId: string): number => Number(videoId.split('_')[1]) * 1000
