import {
  CustomSource,
  FLAC,
  ADTS,
  Input,
  type InputFormat,
  Logging,
  LogLevel,
  MATROSKA,
  MP3,
  MP4,
  OGG,
  QTFF,
  WEBM,
} from 'mediabunny'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { FileBytes } from '../../infra/sound/file-bytes.js'
import { unavailable } from '../http/problems.js'
import { endsTooEarly } from './container-end.js'
import { aiffSeconds, cafSeconds, matroskaSeconds } from './declared-length.js'

// It prints what it does not know in strangers' files; what that means for them, their answer says.
Logging.level = LogLevel.Silent

type StoredBytes = { key: string; bytes: number }
type Reading = Pick<ObjectStore, 'get'>

/** Picture size as displayed and length in seconds of a video's first picture track, as its container tells. */
export type VideoFacts = { width: number; height: number; codedPixels: number; seconds: number }

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
function openContainer(file: FileBytes, formats: InputFormat[]): Input {
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

/** What a video container says of its picture; undefined when it has none or cannot be read. */
export async function videoFacts(
  store: Reading,
  file: StoredBytes,
  signal: AbortSignal,
): Promise<VideoFacts | undefined> {
  using input = openContainer(storedBytes(store, file, signal), [MP4, QTFF, WEBM, MATROSKA])
  try {
    const track = await input.getPrimaryVideoTrack()
    if (track === null) return undefined
    const [width, height] = await Promise.all([track.getDisplayWidth(), track.getDisplayHeight()])
    const [codedWidth, codedHeight] = await Promise.all([track.getCodedWidth(), track.getCodedHeight()])
    const seconds = (await input.getDurationFromMetadata()) ?? (await input.computeDuration())
    return { width, height, codedPixels: codedWidth * codedHeight, seconds }
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

async function readRange(
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
