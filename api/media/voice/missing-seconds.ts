import { ADTS, FLAC, MP3, MP4, OGG, QTFF } from 'mediabunny'
import type { FileBytes } from '../../../infra/sound/file-bytes.js'
import { declaredBytes } from '../declared-bytes.js'
import { openContainer } from '../stored-container.js'
import { aiffSeconds, cafSeconds, matroskaSeconds } from './declared-length.js'

/** Without Matroska: a harmed one can hold this demuxer, and with it the process, for ever (1.61, found by `npm run test:fuzz`). */
const soundFormats = [MP3, MP4, QTFF, FLAC, ADTS, OGG]
const lengthIsPictures = new Set(['m4a', 'mov', '3gp', 'webm', 'mkv'])
/** What browsers record has two boxes for each second or so. */
const mostBoxes = 10_000

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
  if (lengthIsPictures.has(extension) && ((await declaredBytes(file, mostBoxes)) ?? 0) <= file.size) return 0
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
