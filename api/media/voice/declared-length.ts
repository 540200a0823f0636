import type { FileBytes } from '../../../infra/sound/file-bytes.js'

/** The length that an AIFF or AIFF-C file declares: its frames by its rate (an 80-bit float); undefined where it says nothing. */
export async function aiffSeconds(file: FileBytes): Promise<number | undefined> {
  for await (const { id, start, size } of chunks(file, 12, 4)) {
    const common = id === 'COMM' && size >= 18 ? await file.read(start, start + 18) : undefined
    if (common?.length !== 18) continue
    const exponent = (common.readUInt16BE(8) & 0x7fff) - 16_383 - 63
    const rate = Number(common.readBigUInt64BE(10)) * 2 ** exponent
    const frames = common.readUInt32BE(2)
    return rate > 0 && frames < placeholderFrames ? frames / rate : undefined
  }
  return undefined
}

/** The same of a CAF file, by the bytes of its sound; undefined where they are not all of one length, or not yet counted. */
export async function cafSeconds(file: FileBytes): Promise<number | undefined> {
  let secondsPerByte = 0
  for await (const { id, start, size } of chunks(file, 8, 8)) {
    if (id === 'desc') {
      const description = await file.read(start, start + 32)
      if (description.length < 32) return undefined
      const packetBytes = description.readUInt32BE(16)
      const rate = description.readDoubleBE(0)
      if (packetBytes > 0 && rate > 0) secondsPerByte = description.readUInt32BE(20) / packetBytes / rate
    }
    // Four bytes of an edit count come first; −1: up to the file's end.
    if (id === 'data') return size > 4 && size < 2 ** 53 ? (size - 4) * secondsPerByte : undefined
  }
  return undefined
}

/** The same of a Matroska file: its Duration (0x4489) in units of its TimestampScale (0x2AD7B1), nanoseconds. */
export async function matroskaSeconds(file: FileBytes): Promise<number | undefined> {
  const head = await file.read(0, 16_384)
  const at = head.indexOf(Buffer.from([0x44, 0x89])) + 2
  const width = at < 2 || at + 9 > head.length ? undefined : head[at]
  const units = width === 0x88 ? head.readDoubleBE(at + 1) : width === 0x84 ? head.readFloatBE(at + 1) : undefined
  const scaleAt = head.indexOf(Buffer.from([0x2a, 0xd7, 0xb1, 0x83])) + 4
  const scale = scaleAt < 4 || scaleAt + 3 > head.length ? 1_000_000 : head.readUIntBE(scaleAt, 3)
  const seconds = units === undefined ? NaN : (units * scale) / 1e9
  return Number.isFinite(seconds) ? seconds : undefined
}

/** As in WAV: nobody sends so much, and who writes it does not know the length yet. */
const placeholderFrames = 0x7fff_ff00
const mostChunks = 1_000

async function* chunks(file: FileBytes, from: number, sizeBytes: 4 | 8) {
  let at = from
  for (let count = 0; count < mostChunks; count++) {
    const head = await file.read(at, at + 4 + sizeBytes)
    if (head.length < 4 + sizeBytes) return
    const size = sizeBytes === 4 ? head.readUInt32BE(4) : Number(head.readBigUInt64BE(4))
    const start = at + 4 + sizeBytes
    yield { id: head.toString('latin1', 0, 4), start, size }
    at = start + size + (sizeBytes === 4 ? size % 2 : 0)
  }
}
