import { createHash } from 'node:crypto'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { readStored, writeStored } from '../../infra/files/stored-format.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { type ChunkMark, chunksFormat, readMark } from '../chunk-mark.js'

/**
 * Chunks of a video that are in S3 without a gap, from the first on; `lineage` has the generation that made each.
 *
 * A generation goes on from chunks of others, and writes down which these are before it begins. After that only its own are
 * added: two that render at once, since one of them was given up for lost, write different objects, and each
 * one's chunks belong together, whatever the other does.
 */
export type StoredChunks = { lineage: readonly number[]; last: ChunkMark | undefined }

type Store = Pick<ObjectStore, 'list' | 'read'>

/** The longest chain of chunks, for a new generation to go on from; the last one's state is there as it was made. */
export async function storedChunks(store: Store, videoId: string): Promise<StoredChunks> {
  const listed = await listChunks(store, videoId)
  let longest: readonly number[] = []
  for (const generation of listed.generations) {
    const lineage = await chainOf(store, videoId, generation, listed.keys)
    if (lineage.length >= longest.length) longest = lineage
  }
  for (; longest.length > 0; longest = longest.slice(0, -1)) {
    const last = await lastMark(store, videoId, longest)
    if (last && (await isStateWhole(store, videoId, longest, last))) return { lineage: longest, last }
  }
  return { lineage: [], last: undefined }
}

/** One generation's chunks, those that it went on from included: for whoever follows its render. */
export async function chunksOf(store: Store, videoId: string, generation: number): Promise<StoredChunks> {
  const { keys } = await listChunks(store, videoId)
  const lineage = await chainOf(store, videoId, generation, keys)
  return { lineage, last: await lastMark(store, videoId, lineage) }
}

/** Writes down what a generation goes on from, before it begins. */
export async function beginLineage(
  store: Pick<ObjectStore, 'put'>,
  videoId: string,
  generation: number,
  { lineage }: StoredChunks,
): Promise<void> {
  if (lineage.length === 0) return
  const body = writeStored(chunksFormat, { lineage })
  await store.put(objectKeys.lineage(videoId, generation), body, { contentType: 'application/json' })
}

/** Oldest generation first. */
async function listChunks(store: Store, videoId: string): Promise<{ keys: Set<string>; generations: number[] }> {
  const keys = new Set<string>()
  const generations = new Set<number>()
  for await (const { key } of store.list(objectKeys.chunks(videoId))) {
    keys.add(key)
    const generation = /\.g(\d+)\.json$/.exec(key)?.[1]
    if (generation !== undefined) generations.add(Number(generation))
  }
  return { keys, generations: [...generations].sort((a, b) => a - b) }
}

async function chainOf(store: Store, videoId: string, generation: number, keys: Set<string>): Promise<number[]> {
  const begun = objectKeys.lineage(videoId, generation)
  const from = keys.has(begun) ? await store.read(begun) : undefined
  const before = from ? (readStored(begun, from, chunksFormat) as { lineage: number[] }).lineage : []
  const chain: number[] = []
  for (;;) {
    const maker = before[chain.length] ?? generation
    const { chunkMark, chunkSegment, chunkState } = objectKeys
    if (![chunkMark, chunkSegment, chunkState].every((key) => keys.has(key(videoId, chain.length, maker)))) return chain
    chain.push(maker)
  }
}

async function lastMark(store: Store, videoId: string, lineage: readonly number[]): Promise<ChunkMark | undefined> {
  const maker = lineage.at(-1)
  return maker === undefined ? undefined : await readMark(store, videoId, lineage.length - 1, maker)
}

/** The runner would refuse another: the chunk before it is gone on from instead. */
async function isStateWhole(
  store: Store,
  videoId: string,
  lineage: readonly number[],
  { state }: ChunkMark,
): Promise<boolean> {
  const key = objectKeys.chunkState(videoId, lineage.length - 1, lineage.at(-1) ?? 0)
  const bytes = await store.read(key, Math.max(state.bytes, 2 ** 26))
  return bytes?.length === state.bytes && createHash('sha256').update(bytes).digest('hex') === state.sha256
}
