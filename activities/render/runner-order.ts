import type { RunnerOrder, SubmittedFile } from '../../gaudi-runner/client/runner-client.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { orderFrames, renderFps } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order, StoredFile } from '../../workflows/order.js'
import type { RenderRequest } from '../../workflows/video/video-activities.js'
import { failure } from '../worker/activity-failure.js'
import type { StoredChunks } from './stored-chunks.js'

/** The order in the runner's words; the video's id is the job's. */
export function runnerOrder({ order, generation }: RenderRequest, firstChunk: number): RunnerOrder {
  const { preset, ...settings } = rankSettings(order)
  return { jobId: order.videoId, generation, preset, firstChunk, settings }
}

/**
 * What the ranks render with: the order's parameters, under their own names, and what is derived from them here: the frames of the
 * voices at a rate that the model renders. The size in pixels and the seed were chosen when the order was taken.
 */
export function rankSettings({ parameters, ...order }: Order) {
  // Both end before the ranks: the closing clip is put on by `assemble`, see-through pixels are gone from what the ranks read.
  const { logo_video: _logo, background: _background, ...shared } = parameters
  return {
    ...shared,
    fps: renderFps(parameters.fps),
    frames: orderFrames({ ...order, parameters }),
    width: order.width,
    height: order.height,
    reference_is_video: order.reference.kind === 'video',
  }
}

/** The files that go with it, streamed from S3 when their turn comes; the last chunk's state where there is one. */
export function runnerFiles(
  store: Pick<ObjectStore, 'get'>,
  { order, reference }: RenderRequest,
  { lineage, last }: StoredChunks,
): SubmittedFile[] {
  const maker = lineage.at(-1) ?? 0
  const voiceRoles = ['VOICE_1', 'VOICE_2'] as const
  const file = (role: SubmittedFile['role'], { key, bytes, sha256 }: StoredFile): SubmittedFile => ({
    role,
    bytes,
    sha256,
    open: () => openObject(store, key),
  })
  return [
    file('REFERENCE', reference),
    ...voiceRoles.flatMap((role, i) => (order.voices[i] ? [file(role, order.voices[i].analysis)] : [])),
    ...(last
      ? [file('CHECKPOINT', { key: objectKeys.chunkState(order.videoId, lineage.length - 1, maker), ...last.state })]
      : []),
  ]
}

async function openObject(store: Pick<ObjectStore, 'get'>, key: string): Promise<AsyncIterable<Uint8Array>> {
  const got = await store.get(key)
  if (got.kind !== 'whole') throw failure('internal', `${key} is not in the storage (${got.kind})`)
  return got.body
}
