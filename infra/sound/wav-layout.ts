import { type FileBytes, windowed } from './file-bytes.js'
import { type ChunkHead, chunkAt, endOfSound, isChunkAt, isWavAt, nextWav } from './wav-chunks.js'
import { type OtherWav, type WavFormat, wavFormat } from './wav-format.js'

/** Samples in a WAV from byte to byte, all in one format. */
export type WavSegment = { format: WavFormat; start: number; end: number }

/**
 * Where the sound of a file lies that holds one WAV or several, one behind the other; nowhere, if the first is in a coding that is
 * not read here. `missingShare`: how much of the sound the last header promises beyond the file's end, from 0 to 1; 0 where it cannot
 * mean what it says.
 */
export type WavLayout = ({ kind: 'readable'; segments: WavSegment[] } | { kind: 'other' }) & { missingShare: number }

/** Longer than any file that is taken: whoever writes such a length did not know it yet (0x7FFFFFFF, 0xFFFFFFFF, 2·10⁹, …). */
const placeholderBytes = 1_000_000_000

/** Where samples may begin behind a chunk whose length is wrong. */
const searchBytes = 2 ** 20

/**
 * Finds the samples as players do: by what is there. Lengths in headers are believed where the file bears them out, that is where
 * another chunk, another WAV or the file's end follows. What goes on without an end ends at the next WAV, at chunks
 * that reach to the file's end, or with the file. Undefined for a file that begins with no WAV.
 */
export async function wavLayout(whole: FileBytes): Promise<WavLayout | undefined> {
  const file = windowed(whole)
  const segments: WavSegment[] = []
  let format: WavFormat | OtherWav | undefined
  let longSize: number | undefined
  let [bytes, missing] = [0, 0]
  let hasSamples = false
  let at = await nextWav(file, 0, searchBytes)
  if (at === undefined) return undefined
  at += 12
  while (at + 8 <= file.size) {
    if (await isWavAt(file, at)) {
      ;[format, longSize, hasSamples, at] = [undefined, undefined, false, at + 12]
      continue
    }
    const chunk = await chunkAt(file, at)
    if (chunk.id === 'fmt ') {
      format = wavFormat(await file.read(chunk.start, chunk.start + Math.min(chunk.size, 64)))
    } else if (chunk.id === 'ds64') {
      const sizes = await file.read(chunk.start, chunk.start + 16)
      if (sizes.length === 16) longSize = Number(sizes.readBigUInt64LE(8))
    } else if (chunk.id === 'data' && format !== undefined) {
      const declared = chunk.size === 0xffffffff && longSize !== undefined ? longSize : chunk.size
      const sound = await samplesIn(file, chunk.start, declared)
      missing = sound.missing
      bytes += sound.end - chunk.start
      if ('tag' in format) return segments.length > 0 ? finish() : { kind: 'other', missingShare: share() }
      segments.push({ format, start: chunk.start, end: sound.end })
      hasSamples = true
      at = sound.next
      continue
    }
    const next = await behind(file, chunk, hasSamples)
    if (next === undefined) break
    at = next
  }
  return finish()

  function finish(): WavLayout {
    return { kind: 'readable', segments: segments.filter(({ start, end }) => end > start), missingShare: share() }
  }

  function share(): number {
    return missing / Math.max(1, bytes + missing)
  }
}

async function samplesIn(
  file: FileBytes,
  start: number,
  declared: number,
): Promise<{ end: number; next: number; missing: number }> {
  const end = start + declared
  if (declared > 0 && end <= file.size) {
    for (const next of [end, end + 1]) {
      if (next >= file.size || (await isChunkAt(file, next))) return { end, next, missing: 0 }
    }
    // Junk behind the samples, or another file behind that.
    return { end, next: (await nextWav(file, end)) ?? file.size, missing: 0 }
  }
  const found = await endOfSound(file, start)
  const isPlaceholder = declared === 0 || declared >= placeholderBytes || found < file.size
  return { end: found, next: found, missing: isPlaceholder ? 0 : end - found }
}

/** Where to go on behind a chunk that holds no samples. */
async function behind(file: FileBytes, { start, size }: ChunkHead, hasSamples: boolean): Promise<number | undefined> {
  for (const next of [start + size + (size % 2), start + size]) {
    if (next + 8 <= file.size && (await isChunkAt(file, next))) return next
  }
  if (hasSamples) return nextWav(file, start)
  // Its length is wrong: the samples are what matters.
  const near = await file.read(start, start + searchBytes)
  for (const id of ['fmt ', 'data']) {
    const found = near.indexOf(id, 0, 'latin1')
    if (found >= 0) return start + found
  }
  return undefined
}
