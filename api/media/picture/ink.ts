import { setImmediate as nextTurn } from 'node:timers/promises'

/** Pixels that are converted before others have their turn: about 3 ms. */
const pixelsAtOnce = 500_000

/**
 * RGB of four bytes of ink a pixel (cyan, magenta, yellow, black; 255 is all of it) that no profile explains, as browsers and
 * Pillow show it: each light is what its ink and the black leave. `isInverted`: 255 is none of it.
 */
export async function lightOf(ink: Buffer, isInverted: boolean): Promise<Buffer> {
  const pixels = ink.length / 4
  const light = Buffer.allocUnsafe(pixels * 3)
  const flip = isInverted ? 255 : 0
  for (let pixel = 0; pixel < pixels; pixel++) {
    if (pixel % pixelsAtOnce === 0) await nextTurn()
    const at = pixel * 4
    const left = 255 - ((ink[at + 3] ?? 0) ^ flip)
    for (let channel = 0; channel < 3; channel++) {
      light[pixel * 3 + channel] = left - product((ink[at + channel] ?? 0) ^ flip, left)
    }
  }
  return light
}

/** a × b / 255, rounded as Pillow rounds it. */
function product(a: number, b: number): number {
  const sum = a * b + 128
  return ((sum >> 8) + sum) >> 8
}
