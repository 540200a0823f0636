import { Context } from '@temporalio/activity'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { failure } from '../worker/activity-failure.js'
import { readMark } from '../chunk-mark.js'

type Chunk = { videoId: string; chunk: number; generation: number }

/**
 * A chunk's segment as a file, the same bytes that its render left. One that is missing, cut short or changed is no chunk: its mark
 * is removed, so that it is rendered again, and `chunk_damaged` says so.
 */
export async function downloadSegment(
  store: Pick<ObjectStore, 'get' | 'read' | 'removeAll'>,
  { videoId, chunk, generation }: Chunk,
  path: string,
): Promise<string> {
  const signal = Context.current().cancellationSignal
  const mark = await readMark(store, videoId, chunk, generation)
  const got = await store.get(objectKeys.chunkSegment(videoId, chunk, generation), { signal })
  const hash = createHash('sha256')
  if (mark && got.kind === 'whole') {
    await pipeline(got.body, hashing, createWriteStream(path), { signal })
    if (hash.digest('hex') === mark.segment.sha256) return path
  }
  await store.removeAll(objectKeys.chunkMark(videoId, chunk, generation))
  throw failure('chunk_damaged', `chunk ${chunk} is no longer in the storage as it was made`)

  async function* hashing(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const bytes of body) {
      hash.update(bytes)
      yield bytes
    }
  }
}
