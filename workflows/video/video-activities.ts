import type { Order, Reference, StoredFile } from '../order.js'
import type { VideoFile } from '../video.js'

export type RenderRequest = {
  order: Order
  /** What the ranks read of it; the voices' is in the order. */
  reference: RenderedReference
  /** Counts the renders of this video from 1; the runner refuses one that is older than it has seen. */
  generation: number
}

export type RenderedReference = StoredFile & Pick<Reference, 'kind'>

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
  /** Queue `media`: makes of a reference film what the ranks read; kept in S3 until the video is removed. */
  prepare(order: Order): Promise<StoredFile>
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
