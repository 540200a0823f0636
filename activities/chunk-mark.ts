import type { ObjectStore } from '../infra/s3/object-store.js'
import { readStored } from '../infra/files/stored-format.js'
import { objectKeys } from '../workflows/object-keys.js'

/** The number of the shape of marks and lineages. */
export const chunksFormat = 1

export type Digest = { bytes: number; sha256: string }

/** Lies beside a chunk's segment and state, and is written last: only a chunk with its mark is there. */
export type ChunkMark = {
  /** Frames of this segment, and of all up to and with it. */
  frames: number
  framesSoFar: number
  segment: Digest
  state: Digest
}

/** The mark of one generation's chunk; undefined where there is none, and so no chunk. */
export async function readMark(
  store: Pick<ObjectStore, 'read'>,
  videoId: string,
  chunk: number,
  generation: number,
): Promise<ChunkMark | undefined> {
  const key = objectKeys.chunkMark(videoId, chunk, generation)
  const mark = await store.read(key)
  return mark && (readStored(key, mark, chunksFormat) as ChunkMark)
}
