import type { Reference } from '../../workflows/order.js'
import type { Box } from '../../workflows/parameters.js'
import { counted } from '../../workflows/plural.js'
import type { Size } from '../../workflows/size-buckets.js'
import { Problem } from '../http/problems.js'
import { type TokenGrid, tokenGrid } from './token-grid.js'

/**
 * Refuses boxes that could not be rendered: not one per voice, not within the reference, or without a token of their own on
 * the render's grid. A person without a token makes every number of the video NaN, a background without one leaves both
 * people without a voice: the model shares each voice out by the tokens of its person and of the background.
 */
export function checkBoxes(boxes: readonly Box[], voices: number, reference: Reference, render: Size): void {
  if (boxes.length === 0) return
  if (voices === 1) {
    throw refused(
      'is for two voices: one voice owns the whole picture, and a box would have no effect; ' +
        'with audio_type=para and two boxes the second person listens',
    )
  }
  if (boxes.length !== voices) {
    const most = boxes.length > 2 ? '; the model knows two people at most' : ''
    throw refused(`has ${counted(boxes.length, 'box', 'boxes')} for ${counted(voices, 'voice')}${most}`)
  }
  const source = sizeForBoxes(reference)
  const grid = tokenGrid(source, render)
  for (const [i, box] of boxes.entries()) {
    const person = `of person ${i + 1}`
    if (box.x + box.width > source.width || box.y + box.height > source.height) {
      const reach = `${box.x + box.width} x ${box.y + box.height}`
      throw refused(
        `${person} reaches to ${reach}, beyond the ${source.width} x ${source.height} pixels of the reference`,
      )
    }
    const smallest = smallestAround(box, grid)
    if (smallest.width !== box.width || smallest.height !== box.height) {
      throw refused(
        `${person} covers no token of the ${render.width}x${render.height} video; ` +
          `the smallest box that would do at this place is ${JSON.stringify(smallest)}`,
      )
    }
  }
  if (coverEverything(boxes, grid)) {
    const free: Box = { x: grid.columns.at(-1) ?? 0, y: grid.rows.at(-1) ?? 0, width: 1, height: 1 }
    throw refused(
      `leaves no token to the background; the smallest box to leave free is for example ${JSON.stringify(free)}`,
    )
  }
}

/** Videos are made ready with even sides (`activities/media/prepare.ts`). */
function sizeForBoxes({ kind, width, height }: Reference): Size {
  return kind === 'video' ? { width: width - (width % 2), height: height - (height % 2) } : { width, height }
}

/** The box itself where a token looks into it, else grown to the nearest one. */
function smallestAround(box: Box, { columns, rows }: TokenGrid): Box {
  const [x, width] = grown(box.x, box.width, columns)
  const [y, height] = grown(box.y, box.height, rows)
  return { x, y, width, height }
}

function grown(start: number, length: number, pixels: readonly number[]): [start: number, length: number] {
  const end = start + length
  const distance = (pixel: number) => Math.max(start - pixel, pixel - (end - 1), 0)
  const nearest = pixels.reduce((best, pixel) => (distance(pixel) < distance(best) ? pixel : best))
  const from = Math.min(start, nearest)
  return [from, Math.max(end, nearest + 1) - from]
}

function coverEverything(boxes: readonly Box[], { columns, rows }: TokenGrid): boolean {
  const owned = (x: number, y: number) =>
    boxes.some((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height)
  return columns.every((x) => rows.every((y) => owned(x, y)))
}

function refused(what: string): Problem {
  return new Problem('invalid_parameter', `'bbox' ${what}`, { param: 'bbox' })
}
