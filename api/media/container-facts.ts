import {
  CustomSource,
  FLAC,
  ADTS,
  Input,
  Logging,
  LogLevel,
  MATROSKA,
  MP3,
  MP4,
  OGG,
  QTFF,
  WAVE,
  WEBM,
} from 'mediabunny'
import type { ObjectStore } from '../../infra/s3/object-store.js'

// It prints what it does not know in strangers' files; what that means for them, their answer says.
Logging.level = LogLevel.Silent

export type StoredBytes = { key: string; bytes: number }
export type Reading = Pick<ObjectStore, 'get'>

/** A file in S3, read by ranges by a memory-safe demuxer. Its list of formats leaves out playlists. */
export function openContainer(store: Reading, file: StoredBytes, signal: AbortSignal): Input {
  return new Input({
    formats: [WAVE, MP3, MP4, QTFF, FLAC, ADTS, OGG, WEBM, MATROSKA],
    source: new CustomSource({
      getSize: () => file.bytes,
      read: (start, end) => readRange(store, file.key, start, end, signal),
      prefetchProfile: 'network',
    }),
  })
}

/** The length that a sound file declares of itself; undefined when it declares none. */
export async function declaredSeconds(
  store: Reading,
  file: StoredBytes,
  signal: AbortSignal,
): Promise<number | undefined> {
  using input = openContainer(store, file, signal)
  try {
    const seconds = await input.getDurationFromMetadata()
    return seconds === null || !Number.isFinite(seconds) ? undefined : seconds
  } catch {
    signal.throwIfAborted()
    return undefined // it decodes, and says nothing that we could hold against it
  }
}

/** Largest Ogg page: 27 bytes of header, 255 of segment table, 255 × 255 of packets. */
const oggPageBytes = 27 + 255 + 255 * 255

/** Whether the last page of an Ogg file is not all there. ffmpeg decodes what there is and says nothing. */
export async function oggIsCutOff(store: Reading, file: StoredBytes, signal: AbortSignal): Promise<boolean> {
  const start = Math.max(0, file.bytes - 2 * oggPageBytes)
  const tail = await readRange(store, file.key, start, file.bytes, signal)
  const page = tail.lastIndexOf('OggS')
  if (page < 0) return true
  const segments = tail[page + 26]
  if (segments === undefined || page + 27 + segments > tail.length) return true
  const packets = tail.subarray(page + 27, page + 27 + segments).reduce((sum, length) => sum + length, 0)
  return page + 27 + segments + packets > tail.length
}

export async function readRange(
  store: Reading,
  key: string,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const got = await store.get(key, { range: `bytes=${start}-${end - 1}`, signal })
  if (got.kind !== 'whole' && got.kind !== 'part') throw new Error(`${key}: ${got.kind}`)
  const chunks: Buffer[] = []
  for await (const chunk of got.body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
