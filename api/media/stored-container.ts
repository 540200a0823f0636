import { CustomSource, Input, type InputFormat, Logging, LogLevel } from 'mediabunny'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { FileBytes } from '../../infra/sound/file-bytes.js'
import { unavailable } from '../http/problems.js'

// It prints what it does not know in strangers' files; what that means for them, their answer says.
Logging.level = LogLevel.Silent

export type StoredBytes = { key: string; bytes: number }
export type Reading = Pick<ObjectStore, 'get'>

/** A file in S3, read by ranges. */
export function storedBytes(store: Reading, { key, bytes }: StoredBytes, signal: AbortSignal): FileBytes {
  return {
    size: bytes,
    read: (start, end) =>
      readRange(store, key, start, Math.min(end, bytes), signal).catch((error: unknown) => {
        signal.throwIfAborted()
        throw unavailable('the object store', error)
      }),
  }
}

/** A file read by a memory-safe demuxer. Its lists of formats leave out playlists. */
export function openContainer(file: FileBytes, formats: InputFormat[]): Input {
  return new Input({
    formats,
    source: new CustomSource({
      getSize: () => file.size,
      read: (start, end) => file.read(start, end),
      prefetchProfile: 'network',
    }),
  })
}

export async function readRange(
  store: Reading,
  key: string,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (end <= start) return Buffer.alloc(0)
  const got = await store.get(key, { range: `bytes=${start}-${end - 1}`, signal })
  if (got.kind !== 'whole' && got.kind !== 'part') throw new Error(`${key}: ${got.kind}`)
  const chunks: Buffer[] = []
  for await (const chunk of got.body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
