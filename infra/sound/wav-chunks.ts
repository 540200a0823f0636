import { setImmediate as others } from 'node:timers/promises'
import type { FileBytes } from './file-bytes.js'

/** A chunk of a RIFF file, by its first eight bytes; `start`: of what it holds. */
export type ChunkHead = { id: string; start: number; size: number }

export async function chunkAt(file: FileBytes, at: number): Promise<ChunkHead> {
  const head = await file.read(at, at + 8)
  return { id: head.toString('latin1', 0, 4), start: at + 8, size: head.length < 8 ? 0 : head.readUInt32LE(4) }
}

const wavIds = ['RIFF', 'RF64', 'BW64']

export async function isWavAt(file: FileBytes, at: number): Promise<boolean> {
  const head = (await file.read(at, at + 12)).toString('latin1')
  return wavIds.includes(head.slice(0, 4)) && head.slice(8) === 'WAVE'
}

/** Chunks that programs put behind the samples. */
const trailing =
  'LIST C2PA id3 ID3 bext iXML cue smpl fact PEAK JUNK junk _PMX axml chna inst acid cart DISP afsp umid FLLR minf elm1 regn tlst'
const trailingIds = new Set([...trailing.split(' ').map((id) => id.padEnd(4)), 'PAD '])

/** Whether a chunk or another WAV begins here: a name in ASCII, and an end within the file. */
export async function isChunkAt(file: FileBytes, at: number): Promise<boolean> {
  if (at + 8 > file.size) return false
  if (await isWavAt(file, at)) return true
  const { id, start, size } = await chunkAt(file, at)
  return trailingIds.has(id) || id === 'data' || id === 'fmt ' || (/^[ -~]{4}$/.test(id) && start + size <= file.size)
}

const blockBytes = 2 ** 20

/** Where the next WAV begins at or behind `from`, and no more than `within` behind it; undefined when there is none. */
export async function nextWav(file: FileBytes, from: number, within = Infinity): Promise<number | undefined> {
  for (let at = from; at < Math.min(file.size, from + within); at += blockBytes) {
    const block = await file.read(at, at + blockBytes + 11)
    for (let found = block.indexOf('WAVE', 8); found >= 0; found = block.indexOf('WAVE', found + 1)) {
      if (wavIds.includes(block.toString('latin1', found - 8, found - 4))) return at + found - 8
    }
    await others()
  }
  return undefined
}

/** Chunks behind the samples are looked for in so much of a file's end: with their pictures, the largest have some 100 kB. */
const tailBytes = 4 * 2 ** 20

/** Where samples end whose length nobody wrote down: at the next WAV, at chunks up to the file's end, or with the file. */
export async function endOfSound(file: FileBytes, start: number): Promise<number> {
  const wav = await nextWav(file, start)
  const end = wav ?? file.size
  const from = Math.max(start, end - tailBytes)
  const tail = await file.read(from, end)
  let first = end
  for (const id of trailingIds) {
    for (let found = tail.indexOf(id, 0, 'latin1'); found >= 0; found = tail.indexOf(id, found + 1, 'latin1')) {
      if (from + found < first && reachesEnd(tail, found)) first = from + found
    }
    await others()
  }
  return first
}

/** Whether one chunk follows the other from here to the end. */
function reachesEnd(tail: Buffer, from: number): boolean {
  let at = from
  while (at + 8 <= tail.length && trailingIds.has(tail.toString('latin1', at, at + 4))) {
    const size = tail.readUInt32LE(at + 4)
    at += 8 + size
    // The pad byte of an odd length is left out by many.
    if (at < tail.length && size % 2 === 1 && !trailingIds.has(tail.toString('latin1', at, at + 4))) at += 1
  }
  return at > from && at >= tail.length && at <= tail.length + 1
}
