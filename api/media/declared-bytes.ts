import { type Reading, readRange, type StoredBytes } from './container-facts.js'

/** No honest file has so many boxes before its pictures; of those that are written in fragments the rest is not walked. */
const mostBoxes = 16
const boxes = new Set(['ftyp', 'styp', 'moov', 'mdat', 'moof', 'free', 'skip', 'wide', 'uuid', 'meta', 'udta', 'pnot'])
const ebmlHeader = 0x1a45dfa3
const segment = 0x18538067

/**
 * How long a film's container says that its file is, in bytes: the end of MP4's boxes or of Matroska's segment. Undefined where it does
 * not say so, as in what is written while it is recorded.
 */
export async function declaredBytes(
  store: Reading,
  file: StoredBytes & { head: Buffer },
  signal: AbortSignal,
): Promise<number | undefined> {
  const { head } = file
  if (head.length >= 4 && head.readUInt32BE(0) === ebmlHeader) return segmentEnd(head)
  let at = 0
  for (let count = 0; count < mostBoxes && at + 16 <= file.bytes; count++) {
    const box =
      at + 16 <= head.length ? head.subarray(at, at + 16) : await readRange(store, file.key, at, at + 16, signal)
    const size = boxSize(box)
    if (size === undefined) return undefined
    at += size
  }
  return at > file.bytes ? at : undefined
}

/** Undefined for what is no box that a film has at its top, and for the last one where it goes on to the end of the file. */
function boxSize(box: Buffer): number | undefined {
  if (!boxes.has(box.toString('latin1', 4, 8))) return undefined
  const size = box.readUInt32BE(0)
  const whole = size === 1 ? Number(box.readBigUInt64BE(8)) : size
  return whole < 8 ? undefined : whole
}

function segmentEnd(head: Buffer): number | undefined {
  const header = elementSize(head, 4)
  if (header?.size === undefined) return undefined
  const at = header.next + header.size
  if (at + 4 > head.length || head.readUInt32BE(at) !== segment) return undefined
  const { size, next } = elementSize(head, at + 4) ?? {}
  return size === undefined || next === undefined ? undefined : next + size
}

/** An EBML element's size at `at`, and where its content begins; the size is undefined where it is not known. */
function elementSize(head: Buffer, at: number): { size: number | undefined; next: number } | undefined {
  const first = head[at] ?? 0
  const length = Math.clz32(first) - 23
  if (first === 0 || at + length > head.length) return undefined
  let size = BigInt(first & (0xff >> length))
  for (let i = 1; i < length; i++) size = (size << 8n) | BigInt(head[at + i] ?? 0)
  const isUnknown = size === (1n << BigInt(7 * length)) - 1n
  return { size: isUnknown ? undefined : Number(size), next: at + length }
}
