import { CustomSource, FLAC, ADTS, Input, type InputFormat, Logging, LogLevel, MP3, MP4, OGG, QTFF } from 'mediabunny'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { FileBytes } from '../../infra/sound/file-bytes.js'
import { unavailable } from '../http/problems.js'
import { endsTooEarly } from './container-end.js'
import { aiffSeconds, cafSeconds, matroskaSeconds } from './declared-length.js'

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

/** Without Matroska: a harmed one can hold this demuxer, and with it the process, for ever (1.61, found by `npm run test:fuzz`). */
const soundFormats = [MP3, MP4, QTFF, FLAC, ADTS, OGG]

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

/**
 * How much of its sound a file promises beyond the `seconds` that were decoded; 0 where it promises nothing, or where what it promises
 * is not sound: the length of an MP4 or Matroska may be its picture's, or that of what was cut away (edit lists), so it
 * counts only where the file ends before its own end.
 */
export async function missingSeconds(
  file: FileBytes,
  extension: string,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  if (extension === 'wav') return 0 // `openSound` knows
  if (extension === 'aiff' || extension === 'caf') {
    const declared = await (extension === 'aiff' ? aiffSeconds : cafSeconds)(file)
    return Math.max(0, (declared ?? 0) - seconds)
  }
  if (lengthIsPictures.has(extension) && !(await endsTooEarly(file))) return 0
  if (extension === 'webm' || extension === 'mkv') return Math.max(0, ((await matroskaSeconds(file)) ?? 0) - seconds)
  using input = openContainer(file, soundFormats)
  try {
    const [track] = await input.getAudioTracks()
    const declared = await track?.getDurationFromMetadata()
    return Number.isFinite(declared) ? Math.max(0, (declared ?? 0) - seconds) : 0
  } catch {
    signal.throwIfAborted()
    return 0 // it decodes, and says nothing that we could hold against it
  }
}

/** Whether a file's first sound can only be opened by its owner's programs (DRM). */
export async function isProtected(file: FileBytes): Promise<boolean> {
  using input = openContainer(file, soundFormats)
  try {
    const [track] = await input.getAudioTracks()
    return track?.internalCodecId === 'drms' || track?.internalCodecId === 'enca'
  } catch {
    return false
  }
}

const lengthIsPictures = new Set(['m4a', 'mov', '3gp', 'webm', 'mkv'])

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
