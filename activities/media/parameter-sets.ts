import { type FileHandle, open } from 'node:fs/promises'

/**
 * The H.264 parameter sets of an MP4 (its `avcC` box, in hex). Files can be joined by copying only where these are equal:
 * a player reads them once, from the start of the result.
 */
export async function parameterSets(path: string): Promise<string> {
  await using file = await open(path)
  const moov = await topLevelBox(file, 'moov')
  const at = moov?.indexOf('avcC', 0, 'latin1') ?? -1
  if (!moov || at < 4) throw new Error('an MP4 without H.264')
  return moov.subarray(at, at - 4 + moov.readUInt32BE(at - 4)).toString('hex')
}

async function topLevelBox(file: FileHandle, name: string): Promise<Buffer | undefined> {
  const { size } = await file.stat()
  const header = Buffer.alloc(16)
  for (let at = 0; at + 8 <= size; ) {
    const { bytesRead } = await file.read(header, 0, 16, at)
    const short = header.readUInt32BE(0)
    // 1: a 64-bit length follows the name; 0: to the end of the file.
    const length = short === 1 && bytesRead === 16 ? Number(header.readBigUInt64BE(8)) : short === 0 ? size - at : short
    if (length < 8) return undefined
    if (header.toString('latin1', 4, 8) === name) {
      const box = Buffer.alloc(Math.min(length, size - at))
      await file.read(box, 0, box.length, at)
      return box
    }
    at += length
  }
  return undefined
}
