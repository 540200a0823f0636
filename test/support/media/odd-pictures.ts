import { crc32, deflateSync } from 'node:zlib'

/** A chunk of a PNG; with a checksum that is wrong where asked. */
export function pngChunk(type: string, content: Buffer, isWrong = false): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE((crc32(body) ^ (isWrong ? 1 : 0)) >>> 0)
  return Buffer.concat([length, body, checksum])
}

/** A PNG with chunks put behind its header, where all of them may stand. */
export function withChunks(png: Buffer, ...chunks: Buffer[]): Buffer {
  const headerEnd = 33
  return Buffer.concat([png.subarray(0, headerEnd), ...chunks, png.subarray(headerEnd)])
}

export const iccChunk = (profile: Buffer, isWrong = false): Buffer =>
  pngChunk('iCCP', Buffer.concat([Buffer.from('profile\0\0', 'latin1'), deflateSync(profile)]), isWrong)

/** Text of so many letters, compressed, as image generators keep their workflow. */
export const textChunk = (letters: number): Buffer =>
  pngChunk('zTXt', Buffer.concat([Buffer.from('workflow\0\0', 'latin1'), deflateSync(Buffer.alloc(letters, 'a'))]))

/** A profile made longer, by what nothing reads. */
export function paddedProfile(profile: Buffer, bytes: number): Buffer {
  const padded = Buffer.alloc(bytes)
  profile.copy(padded)
  padded.writeUInt32BE(bytes)
  return padded
}

/** A JPEG with a profile in as many segments as it takes. */
export function withJpegProfile(jpeg: Buffer, profile: Buffer): Buffer {
  const most = 65_519
  const count = Math.ceil(profile.length / most)
  const segments = Array.from({ length: count }, (_, at) => {
    const part = profile.subarray(at * most, (at + 1) * most)
    return segment(0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0', 'latin1'), Buffer.from([at + 1, count]), part]))
  })
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)])
}

function segment(marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(content.length + 2, 2)
  return Buffer.concat([head, content])
}

/** A JPEG without its segments of one kind. */
export function withoutSegments(jpeg: Buffer, marker: number): Buffer {
  const kept = [jpeg.subarray(0, 2)]
  let at = 2
  while (jpeg[at] === 0xff && jpeg[at + 1] !== 0xda) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2)
    if (jpeg[at + 1] !== marker) kept.push(jpeg.subarray(at, end))
    at = end
  }
  return Buffer.concat([...kept, jpeg.subarray(at)])
}

/** An animated PNG of two frames: what stands for it, then another picture of the same size. */
export function animatedPng(first: Buffer, second: Buffer): Buffer {
  const frameControl = (sequence: number): Buffer => {
    const control = Buffer.alloc(26)
    control.writeUInt32BE(sequence)
    first.copy(control, 4, 16, 24) // width and height
    control.writeUInt16BE(1, 20)
    control.writeUInt16BE(10, 22)
    return pngChunk('fcTL', control)
  }
  const count = Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])
  const content = (png: Buffer): Buffer => {
    const at = png.indexOf('IDAT')
    return png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4))
  }
  const animated = withChunks(first, pngChunk('acTL', count), frameControl(0))
  const pixels = pngChunk('fdAT', Buffer.concat([Buffer.from([0, 0, 0, 2]), content(second)]))
  return Buffer.concat([animated.subarray(0, -12), frameControl(1), pixels, animated.subarray(-12)])
}
