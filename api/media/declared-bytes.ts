import type { FileBytes } from '../../infra/sound/file-bytes.js'

/** What stands at the top of an MP4, a MOV or a 3GP: ISO 14496-12, and QuickTime's own. */
const boxes = new Set(
  'ftyp styp pdin moov moof mfra mdat free skip wide uuid meta udta pnot sidx ssix emsg prft'.split(' '),
)
const ebmlHeader = 0x1a45dfa3
const segment = Buffer.from([0x18, 0x53, 0x80, 0x67])

/**
 * How long a container says that its file is, in bytes: the end of MP4's boxes, of which `mostBoxes` are walked, or of Matroska's segment.
 * Undefined where it does not say so, as in what is written while it is recorded, or where something else begins.
 */
export async function declaredBytes(file: FileBytes, mostBoxes: number): Promise<number | undefined> {
  const head = await file.read(0, 4096)
  if (head.length >= 4 && head.readUInt32BE(0) === ebmlHeader) return segmentEnd(head)
  let at = 0
  for (let count = 0; count < mostBoxes && at + 8 <= file.size; count++) {
    const box = at + 16 <= head.length ? head.subarray(at, at + 16) : await file.read(at, at + 16)
    const size = boxSize(box)
    if (size === undefined) return undefined
    at += size
  }
  return at
}

/** Undefined for what is no box, and for the last one where it goes on to the end of the file. */
function boxSize(box: Buffer): number | undefined {
  if (!boxes.has(box.toString('latin1', 4, 8))) return undefined
  const size = box.readUInt32BE(0)
  if (size === 1 && box.length < 16) return undefined
  const whole = size === 1 ? Number(box.readBigUInt64BE(8)) : size
  return whole < 8 ? undefined : whole
}

function segmentEnd(head: Buffer): number | undefined {
  const at = head.indexOf(segment)
  const { size, next } = (at < 0 ? undefined : elementSize(head, at + segment.length)) ?? {}
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
