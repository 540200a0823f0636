import type { FileBytes } from '../../infra/sound/file-bytes.js'

/** Whether an MP4 or a Matroska file ends before what its own lengths say: it was cut off. */
export async function endsTooEarly(file: FileBytes): Promise<boolean> {
  const head = await file.read(0, 4096)
  if (head.length < 8) return true
  return head.readUInt32BE(0) === ebml ? endsInSegment(file, head) : endsInBox(file)
}

const ebml = 0x1a45dfa3
const mostBoxes = 10_000

/** Boxes of an MP4, one behind the other. */
async function endsInBox(file: FileBytes): Promise<boolean> {
  let at = 0
  for (let boxes = 0; boxes < mostBoxes && at + 8 <= file.size; boxes++) {
    const head = await file.read(at, at + 16)
    const short = head.readUInt32BE(0)
    if (!/^[\w ©-]{4}$/.test(head.toString('latin1', 4, 8))) return false // junk behind the last box
    // 1: a 64-bit length follows the name; 0: to the end of the file.
    if (short === 0 || (short === 1 && head.length < 16)) return false
    const length = short === 1 ? Number(head.readBigUInt64BE(8)) : short
    if (length < 8) return false
    at += length
  }
  return at > file.size
}

/** The one segment of a Matroska file; one that was streamed has no length. */
function endsInSegment(file: FileBytes, head: Buffer): boolean {
  const at = head.indexOf(Buffer.from([0x18, 0x53, 0x80, 0x67]))
  if (at < 0 || at + 12 > head.length) return false
  const first = head[at + 4] ?? 0
  const width = Math.clz32(first) - 23
  if (first === 0) return false
  let size = first & ((1 << (8 - width)) - 1)
  let isUnknown = size === (1 << (8 - width)) - 1
  for (let i = 1; i < width; i++) {
    const byte = head[at + 4 + i] ?? 0
    size = size * 256 + byte
    isUnknown &&= byte === 0xff
  }
  return !isUnknown && at + 4 + width + size > file.size
}
