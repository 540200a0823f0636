import type { Order as RunnerOrder, SubmittedFile } from '../gaudi-runner/runner-client.js'
import type { ObjectStore } from '../infra/object-store.js'
import { orderFrames, renderFps } from '../workflows/chunk-plan.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { StoredFile } from '../workflows/order.js'
import type { RenderRequest } from '../workflows/video-activities.js'
import { failure } from './activity-failure.js'
import type { StoredChunks } from './stored-chunks.js'

/** The order in the runner's words; the video's id is the job's. */
export function runnerOrder({ order, generation }: RenderRequest, firstChunk: number): RunnerOrder {
  return {
    jobId: order.videoId,
    generation,
    prompt: order.prompt,
    negativePrompt: order.negativePrompt,
    preset: order.preset,
    referenceIsVideo: order.reference.kind === 'video',
    voiceMode: order.voiceMode === 'para' ? 'PARA' : 'ADD',
    boxes: order.boxes,
    fps: renderFps(order.fps),
    frames: orderFrames(order),
    width: order.width,
    height: order.height,
    steps: order.steps,
    shift: order.shift,
    textGuide: order.textGuide,
    audioGuide: order.audioGuide,
    seed: order.seed,
    firstChunk,
  }
}

/** The files that go with it, streamed from S3 when their turn comes; the last chunk's state where there is one. */
export function runnerFiles(
  store: Pick<ObjectStore, 'get'>,
  { order, prepared }: RenderRequest,
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
    file('REFERENCE', prepared.reference),
    ...voiceRoles.flatMap((role, i) => (prepared.voices[i] ? [file(role, prepared.voices[i])] : [])),
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
