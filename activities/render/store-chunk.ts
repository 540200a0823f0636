import type { Artifact, ChunkDone, JobRef, RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { writeStored } from '../../infra/files/stored-format.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { failure } from '../worker/activity-failure.js'
import { chunksFormat, type ChunkMark, type Digest } from '../chunk-mark.js'

type ChunkSource = { runner: Pick<RunnerClient, 'fetch'>; job: JobRef; signal: AbortSignal }

/** Copies one finished chunk from the runner to S3: segment and state, checked on the way, then its mark. */
export async function storeChunk(
  store: Pick<ObjectStore, 'upload' | 'put'>,
  { runner, job, signal }: ChunkSource,
  { index, frames, segment, state }: ChunkDone,
  framesBefore: number,
): Promise<ChunkMark> {
  if (!segment || !state) throw failure('bad_output', `chunk ${index} came without its files`)
  const { jobId, generation } = job
  const copy = async (artifact: Artifact, key: string, contentType: string): Promise<Digest> => {
    const { bytes, sha256 } = await store.upload(key, runner.fetch(job, artifact, { signal }), { contentType, signal })
    return { bytes, sha256 }
  }
  const mark: ChunkMark = {
    frames,
    framesSoFar: framesBefore + frames,
    segment: await copy(segment, objectKeys.chunkSegment(jobId, index, generation), 'video/mp4'),
    state: await copy(state, objectKeys.chunkState(jobId, index, generation), 'application/octet-stream'),
  }
  const key = objectKeys.chunkMark(jobId, index, generation)
  await store.put(key, writeStored(chunksFormat, mark), { contentType: 'application/json' })
  return mark
}
