import { z } from 'zod'
import { orderParameters } from '../../workflows/parameters.js'
import { bboxSchema } from './bbox.js'

/**
 * The text parameters of POST /v1/videos: those of the order, and those that end here. Requests are checked with this schema,
 * `/openapi.json` is made from it, and the words of a refusal are read from it.
 */
export const parametersSchema = z.object({
  ...orderParameters.shape,
  bbox: bboxSchema,
  seconds: z.number().gt(0).default(20).describe('Accepted, without effect: the voices decide the length.'),
  size: z
    .string()
    .regex(/^(480p|720p|[1-9]\d{1,3}x[1-9]\d{1,3})$/)
    .optional()
    .describe('480p (the default) or 720p in the shape of the reference, or WIDTHxHEIGHT, served by the nearest size.'),
  model: z.string().max(200).optional().describe('Accepted, without effect: the nodes decide the model.'),
})

export type Parameters = z.infer<typeof parametersSchema>
export type ParameterName = keyof Parameters
