import { randomBytes } from 'node:crypto'

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** A new id: `video_<unix seconds>_<10 random characters>` (50 bits from the system's generator; the original had 13). */
export function newVideoId(nowMs = Date.now()): string {
  const random = Array.from(randomBytes(10), (byte) => base32[byte % 32]).join('')
  return `video_${Math.floor(nowMs / 1000)}_${random}`
}
