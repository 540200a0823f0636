import type { Artifact, ChunkDone, JobRef, RunnerClient } from '../gaudi-runner/runner-client.js'
import type { ObjectStore } from '../infra/object-store.js'
import { objectKeys } from '../workflows/object-keys.js'
import { failure } from './failure.js'

type Digest = { bytes: number; sha256: string }

/** Lies beside a chunk's segment and state, and is written last: only a chunk with its mark is there. */
export type ChunkMark = {
  /** Frames of this segment, and of all up to and with it. */
  frames: number
  framesSoFar: number
  segment: Digest
  state: Digest
}

/** The chunks of a video that are in S3 without a gap, from the first on. */
export type StoredChunks = { count: number; last: ChunkMark | undefined }

type ChunkSource = { runner: Pick<RunnerClient, 'fetch'>; job: JobRef; signal: AbortSignal }

/** How far earlier renders had come: a new one goes on after the last of these chunks. */
export async function storedChunks(store: Pick<ObjectStore, 'list' | 'read'>, videoId: string): Promise<StoredChunks> {
  const keys = new Set<string>()
  for await (const { key } of store.list(objectKeys.chunks(videoId))) keys.add(key)
  let count = 0
  while (keys.has(objectKeys.chunkMark(videoId, count))) count++
  if (count === 0) return { count, last: undefined }
  const mark = await store.read(objectKeys.chunkMark(videoId, count - 1))
  if (!mark) throw failure('Internal', `the mark of chunk ${count - 1} is gone`)
  return { count, last: JSON.parse(mark.toString()) as ChunkMark }
}

/** Copies one finished chunk from the runner to S3: segment and state, checked on the way, then its mark. */
export async function storeChunk(
  store: Pick<ObjectStore, 'upload' | 'put'>,
  { runner, job, signal }: ChunkSource,
  { index, frames, segment, state }: ChunkDone,
  framesBefore: number,
): Promise<ChunkMark> {
  if (!segment || !state) throw failure('BadOutput', `chunk ${index} came without its files`)
  const copy = async (artifact: Artifact, key: string, contentType: string): Promise<Digest> => {
    const { bytes, sha256 } = await store.upload(key, runner.fetch(job, artifact, { signal }), { contentType, signal })
    return { bytes, sha256 }
  }
  const mark: ChunkMark = {
    frames,
    framesSoFar: framesBefore + frames,
    segment: await copy(segment, objectKeys.chunkSegment(job.jobId, index), 'video/mp4'),
    state: await copy(state, objectKeys.chunkState(job.jobId, index), 'application/octet-stream'),
  }
  await store.put(objectKeys.chunkMark(job.jobId, index), JSON.stringify(mark), { contentType: 'application/json' })
  return mark
}
