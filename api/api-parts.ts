import type { Client } from '@temporalio/client'
import type { Log } from '../infra/program/log.js'
import type { TrustedProxies } from './http/client-address.js'
import type { LingeringClose } from './http/lingering-close.js'
import type { ApiMetrics } from './http/metrics.js'
import type { Nodes } from './queue/nodes.js'
import type { VideoState } from './videos/present-video.js'
import type { QueueView } from './queue/queue-view.js'
import type { Readiness } from './http/readiness.js'
import type { Receiving } from './acceptance/receive-order.js'
import type { UploadPlaces } from './intake/upload-places.js'
import type { VideoReader } from './videos/video-reader.js'
import type { VideoAnswer } from './videos/video-schema.js'

/** What the routes are made of; `api/main.ts` makes it once. */
export type ApiParts = {
  client: Client
  log: Log
  metrics: ApiMetrics
  readiness: Readiness
  receiving: Receiving
  uploads: UploadPlaces
  lingering: LingeringClose
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
