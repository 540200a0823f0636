const startOfScan = 0xda
const app14 = 0xee

/** Whether a JPEG says that Adobe's rules hold: then its ink is stored inverted. */
export function hasAdobeMarker(jpeg: Buffer): boolean {
  for (let at = 2; at + 9 <= jpeg.length && jpeg[at] === 0xff; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const marker = jpeg[at + 1]
    if (marker === startOfScan) return false
    if (marker === app14 && jpeg.toString('latin1', at + 4, at + 9) === 'Adobe') return true
  }
  return false
}

/** A JPEG with an end marker put behind it; undefined where it has one, or is none. */
export function withEnd(content: Buffer): Buffer | undefined {
  if (content.length < 4 || content.readUInt16BE(0) !== 0xffd8) return undefined
  if (content.readUInt16BE(content.length - 2) === 0xffd9) return undefined
  return Buffer.concat([content, Buffer.from([0xff, 0xd9])])
}
