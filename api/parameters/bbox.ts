import { z } from 'zod'
import { type Box, boxSchema, orderParameters } from '../../workflows/parameters.js'

const people = z.strictObject({ person1: boxSchema, person2: boxSchema })
const bothForms = z.union([orderParameters.shape.bbox.unwrap(), people])

export const bboxRule =
  'JSON: one {"x", "y", "width", "height"} per voice, in whole pixels of the picture as it is displayed, as an array in the ' +
  'order of the voices or as {"person1": …, "person2": …}'

/** Where each voice's person is, as the form has it: JSON text. Read as boxes in the order of the voices. */
export const bboxSchema = z
  .string()
  .transform((text, context): Box[] => {
    const { data } = bothForms.safeParse(jsonOf(text))
    if (data !== undefined) return Array.isArray(data) ? data : [data.person1, data.person2]
    context.addIssue({ code: 'custom', message: bboxRule })
    return z.NEVER
  })
  .optional()
  .describe(
    `Two voices: where each one’s person is, as ${bboxRule}. x and y are the upper left corner; the origin is the upper left corner of the ` +
      'reference as it is displayed, after its EXIF orientation. What no box covers is background. Each box must cover a token ' +
      '(16 x 16 pixels of the video), and so must the background. Without boxes the first voice owns the left half, the second ' +
      'the right one. Refused with one voice, which owns the whole picture. The model knows two people at most.',
  )

/** Undefined where it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
