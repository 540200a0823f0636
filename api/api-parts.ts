import type { Client } from '@temporalio/client'
import type { Log } from '../infra/log.js'
import type { TrustedProxies } from './client-address.js'
import type { ApiMetrics } from './metrics.js'
import type { Nodes } from './nodes.js'
import type { VideoState } from './present-video.js'
import type { QueueView } from './queue-view.js'
import type { Readiness } from './readiness.js'
import type { Receiving } from './receive-order.js'
import type { UploadPlaces } from './upload-places.js'
import type { VideoReader } from './video-reader.js'
import type { VideoAnswer } from './video-schema.js'

/** What the routes are made of; `api/main.ts` makes it once. */
export type ApiParts = {
  client: Client
  log: Log
  metrics: ApiMetrics
  readiness: Readiness
  receiving: Receiving
  uploads: UploadPlaces
  trusted: TrustedProxies
  /** Names under which browsers may reach this API (`ALLOWED_HOSTS`). */
  allowedHosts: readonly string[]
  reader: VideoReader
  queue: QueueView
  nodes: Nodes
  retentionDays: number
  /** That of the setting ENGINE: what answers name until the node of a video has said what it renders with. */
  model: string
  /** Aborted when this process drains. */
  signal: AbortSignal
  present: (state: VideoState) => Promise<VideoAnswer>
}
