import { z } from 'zod'
import { presets } from '../workflows/order.js'
import { bboxSchema } from './bbox.js'
import { presetsInWords, presetValues } from './presets.js'

/** What the published pipeline guides away from: `sample_neg_prompt` in its wan/configs/wan_multitalk_14B.py. */
export const publishedNegativePrompt =
  'bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall gray, ' +
  'worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, ' +
  'poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three legs, ' +
  'many people in the background, walking backwards'

const usual = presetValues.quality

/**
 * The text parameters of POST /v1/videos: names, defaults and bounds of the contract. Requests are checked with this
 * schema, `/openapi.json` is made from it, and the words of a refusal are read from it. Empty text means "not given".
 */
export const parametersSchema = z.object({
  prompt: shortText().default('').describe('What the video shows. The model reads its first 512 tokens.'),
  audio_guide_scale: fromText(z.number().min(0).max(20).default(usual.audio_guide_scale)).describe(
    'How strongly the voice drives the picture.',
  ),
  audio_type: z
    .enum(['add', 'para'])
    .default('add')
    .describe(
      'Two voices: `add` speaks them one after the other, `para` both at once (the shorter one padded with silence).',
    ),
  fps: fromText(z.int().min(8).max(60).default(24)).describe('Frames per second of the file.'),
  shift: fromText(z.number().gt(0).max(20).default(usual.shift)).describe('Shift of the noise schedule.'),
  steps: fromText(z.int().min(1).max(100).default(usual.steps)).describe('Denoising steps per chunk of 81 frames.'),
  seed: fromText(z.int().min(-1).max(4_294_967_295).default(42))
    .meta({ format: 'int64' })
    .describe('Same seed and same order, same video; -1 draws one, which the x-video-seed header of the answer tells.'),
  guide_scale: fromText(z.number().min(0).max(20).default(usual.guide_scale)).describe(
    'How strongly the prompt drives the picture.',
  ),
  logo_video: fromText(z.boolean().default(false)).describe('Appends the closing clip.'),
  seconds: fromText(z.number().gt(0).default(20)).describe('Accepted, without effect: the voices decide the length.'),
  size: z
    .string()
    .regex(/^(480p|720p|[1-9]\d{1,3}x[1-9]\d{1,3})$/)
    .optional()
    .describe('480p (the default) or 720p in the shape of the reference, or WIDTHxHEIGHT, served by the nearest size.'),
  model: z.string().max(200).optional().describe('Accepted, without effect: the nodes decide the model.'),
  negative_prompt: shortText()
    .default(publishedNegativePrompt)
    .describe(
      'What the picture is guided away from, where guide_scale is not 1. The model reads its first 512 tokens.',
    ),
  bbox: bboxSchema,
  preset: z
    .enum(presets)
    .default('quality')
    .describe(
      `The weights, and the defaults that go with them: ${presetsInWords}. Of these, what is given explicitly counts. ` +
        'One that no node has the weights for is refused.',
    ),
})

export type Parameters = z.infer<typeof parametersSchema>
export type ParameterName = keyof Parameters

function shortText() {
  return (
    z
      .string()
      // As JSON Schema counts: characters, of which a JavaScript string holds some as two units.
      .refine((text) => [...text].length <= 4000)
      .meta({ maxLength: 4000 })
  )
}

/** Form parts are text; numbers are decimal numbers, booleans are true, false, 1 or 0 in any case. */
function fromText<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => {
    if (typeof value !== 'string') return value
    const text = value.trim().toLowerCase()
    if (isBoolean(schema))
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : value
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/.test(text) ? Number(text) : value
  }, schema)
}

function isBoolean(schema: z.ZodType): boolean {
  return schema instanceof z.ZodBoolean || (schema instanceof z.ZodDefault && schema.unwrap() instanceof z.ZodBoolean)
}
