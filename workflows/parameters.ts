import { z } from 'zod'
import { presetNames, presets, presetsInWords } from './presets.js'

/** What the published pipeline guides away from: `sample_neg_prompt` in its wan/configs/wan_multitalk_14B.py. */
export const publishedNegativePrompt =
  'bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall gray, ' +
  'worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, ' +
  'poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three legs, ' +
  'many people in the background, walking backwards'

const usual = presets.quality

/** A rectangle in pixels of the reference as it is displayed; x and y of its upper left corner. */
export const boxSchema = z.strictObject({
  x: z.int().min(0).max(65_535),
  y: z.int().min(0).max(65_535),
  width: z.int().min(1).max(65_535),
  height: z.int().min(1).max(65_535),
})

/**
 * The parameters of an order, defined here once for the service: name, type, bounds, default and description. The names are the
 * contract's and stay the same from the form to the ranks, whose own definition is `gaudi-runner/pipeline/order.py`;
 * `test/fixtures/parameters.json` holds both to the same verdicts. Workflow code imports the types alone: zod is not in its bundle.
 */
export const orderParameters = z.object({
  prompt: text().default('').describe('What the video shows. The model reads its first 512 tokens.'),
  audio_guide_scale: z
    .number()
    .min(0)
    .max(20)
    .default(usual.audio_guide_scale)
    .describe('How strongly the voice drives the picture.'),
  audio_type: z
    .enum(['add', 'para'])
    .default('add')
    .describe(
      'Two voices: `add` speaks them one after the other, `para` both at once (the shorter one padded with silence).',
    ),
  fps: z.int().min(8).max(60).default(24).describe('Frames per second of the file.'),
  shift: z.number().gt(0).max(20).default(usual.shift).describe('Shift of the noise schedule.'),
  steps: z.int().min(1).max(100).default(usual.steps).describe('Denoising steps per chunk of 81 frames.'),
  seed: z
    .int()
    .min(-1)
    .max(4_294_967_295)
    .default(42)
    .meta({ format: 'int64' })
    .describe('Same seed and same order, same video; -1 draws one, which the x-video-seed header of the answer tells.'),
  guide_scale: z
    .number()
    .min(0)
    .max(20)
    .default(usual.guide_scale)
    .describe('How strongly the prompt drives the picture.'),
  logo_video: z.boolean().default(false).describe('Appends the closing clip.'),
  background: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i)
    .toLowerCase()
    .default('#ffffff')
    .describe('The colour behind see-through pixels of the reference, as #rrggbb.'),
  negative_prompt: text()
    .default(publishedNegativePrompt)
    .describe(
      'What the picture is guided away from, where guide_scale is not 1. The model reads its first 512 tokens.',
    ),
  /** Where each voice's person is, in the voices' order; empty: two people own the left and the right half. */
  bbox: z.array(boxSchema).default([]),
  preset: z
    .enum(presetNames)
    .default('quality')
    .describe(
      `The weights, and the defaults that go with them: ${presetsInWords}. Of these, what is given explicitly counts. ` +
        'One that no node has the weights for is refused.',
    ),
})

export type OrderParameters = z.infer<typeof orderParameters>
export type AudioType = OrderParameters['audio_type']
export type Box = z.infer<typeof boxSchema>

/** At most 4,000 characters, as JSON Schema counts them: a JavaScript string holds some as two units. */
function text() {
  return z
    .string()
    .refine((value) => [...value].length <= 4000)
    .meta({ maxLength: 4000 })
}
