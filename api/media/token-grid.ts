import type { Size } from '../../workflows/size-buckets.js'

/** The source pixel that decides each column and each row of tokens: a token at (i, j) belongs to whoever owns (columns[i], rows[j]). */
export type TokenGrid = { columns: number[]; rows: number[] }

/** Pixels of the video on either side of a token: 8 to a latent pixel, 2 of these to a token. */
const tokenSide = 16

/**
 * Where the tokens of a render look in a picture of this size. The same arithmetic as the ranks' (`person_masks` and
 * `token_masks` in `pipeline/pictures/masks.py`), to the last bit: cover the render's size, crop the centre, nearest neighbour, then
 * every 16th pixel. `test/fixtures/token-grid.json` holds both sides to it.
 */
export function tokenGrid(source: Size, render: Size): TokenGrid {
  const scale = Math.max(render.height / source.height, render.width / source.width)
  return {
    columns: looksAt(source.width, Math.ceil(scale * source.width), render.width),
    rows: looksAt(source.height, Math.ceil(scale * source.height), render.height),
  }
}

/** Along one side: of `source` pixels, resized to `resized` and cropped to `render`. */
function looksAt(source: number, resized: number, render: number): number[] {
  const cut = halfToEven((resized - render) / 2)
  const step = source / resized
  const pixels: number[] = []
  // Pillow adds up instead of multiplying: what it rounds on the way decides at the borders.
  let at = step * 0.5
  for (let pixel = 0; pixel < cut + render; pixel++, at += step) {
    if (pixel >= cut && (pixel - cut) % tokenSide === 0) pixels.push(Math.floor(at))
  }
  return pixels
}

/** Python's round(). */
function halfToEven(x: number): number {
  const below = Math.floor(x)
  return x - below === 0.5 && below % 2 === 0 ? below : Math.round(x)
}
