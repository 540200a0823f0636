import type { Order, StoredFile } from '../order.js'
import type { VideoFile } from '../video.js'

/** What the ranks read: made once from the uploads, kept in S3 until the video is removed. */
export type Prepared = {
  reference: StoredFile & { kind: 'picture' | 'video' }
  /** 16 kHz mono WAV, in the order's order. */
  voices: StoredFile[]
}

export type RenderRequest = {
  order: Order
  prepared: Prepared
  /** Counts the renders of this video from 1; the runner refuses one that is older than it has seen. */
  generation: number
}

/** What `attach` follows: the job that a render of this generation has submitted. */
export type AttachRequest = Pick<RenderRequest, 'order' | 'generation'>

/**
 * The chunks in S3 that make the whole picture track, at `renderFps` of the order's rate. `lineage` says which generation made each,
 * from the first on: what an older one may still write besides is nobody's.
 */
export type Rendered = { lineage: number[]; frames: number }

/**
 * Side effects of the video workflow. Each may run more than once for the same video, and says what went wrong with an
 * ApplicationFailure whose type is a `FailureCode`.
 */
export type VideoActivities = {
  /** Queue `media`: makes of the uploads what the ranks read. */
  prepare(order: Order): Promise<Prepared>
  /** Queue `gaudi`: renders on one node, from the last chunk that lies in S3; heartbeats `RenderProgress`. */
  render(request: RenderRequest): Promise<Rendered>
  /** Queue `gaudi-<node>`: follows a render that the node's runner holds, to its end, as `render` does; never submits one. */
  attach(request: AttachRequest): Promise<Rendered>
  /** Queue `media`: makes the finished file of the chunks and the uploaded sound. */
  assemble(order: Order, rendered: Rendered): Promise<VideoFile>
  /** Queue `videos`: removes what was made of a video's inputs, and leaves those. */
  removeMade(videoId: string): Promise<void>
  /** Queue `videos`: removes every object of the video. */
  remove(videoId: string): Promise<void>
}
