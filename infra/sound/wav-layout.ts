import { type FileBytes, windowed } from './file-bytes.js'
import { type ChunkHead, chunkAt, endOfSound, isChunkAt, isWavAt, nextWav } from './wav-chunks.js'
import { type OtherWav, type WavFormat, wavFormat } from './wav-format.js'

/** Samples in a WAV from byte to byte, all in one format. */
export type WavSegment = { format: WavFormat; start: number; end: number }

/** Where the sound of a file lies that holds one WAV or several, one behind the other. */
export type WavLayout =
  | {
      kind: 'readable'
      segments: WavSegment[]
      /** What the last header promises beyond the file's end, in seconds; 0 where it cannot mean what it says. */
      missingSeconds: number
    }
  | ({ kind: 'other' } & OtherWav)

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
  let format: WavFormat | undefined
  let longSize: number | undefined
  let missingSeconds = 0
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
      const read = wavFormat(await file.read(chunk.start, chunk.start + Math.min(chunk.size, 64)))
      if (read !== undefined && 'tag' in read) return segments.length > 0 ? finish() : { kind: 'other', ...read }
      format = read
    } else if (chunk.id === 'ds64') {
      longSize = Number((await file.read(chunk.start, chunk.start + 16)).readBigUInt64LE(8))
    } else if (chunk.id === 'data' && format !== undefined) {
      const declared = chunk.size === 0xffffffff && longSize !== undefined ? longSize : chunk.size
      const sound = await samplesIn(file, chunk.start, declared)
      segments.push({ format, start: chunk.start, end: sound.end })
      missingSeconds = sound.missing / format.frameBytes / format.rate
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
    return { kind: 'readable', segments: segments.filter(({ start, end }) => end > start), missingSeconds }
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
