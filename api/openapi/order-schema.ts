import { z } from 'zod'
import type { oas31 } from 'zod-openapi'
import { fileLimits, formatsOf } from '../intake/file-kinds.js'
import { maxVoices } from '../intake/collected-parts.js'
import { type ParameterName, parametersSchema } from '../parameters/parameters.js'
import { presets } from '../../workflows/presets.js'

/** One value that may be sent, for those that a reader or a generated client cannot guess. */
const examples: Partial<Record<ParameterName, unknown>> = {
  prompt: 'A woman speaks into a studio microphone',
  size: '480p',
  model: 'InfiniteTalk',
  bbox: '[{"x": 700, "y": 140, "width": 380, "height": 470}, {"x": 180, "y": 110, "width": 310, "height": 440}]',
}

/** A file in a form; its bytes decide what it is, whatever its name and type header say. An empty one is refused. */
const file = { type: 'string', format: 'binary', contentMediaType: 'application/octet-stream', minLength: 1 } as const

/**
 * The form of POST /v1/videos as `/openapi.json` shows it. Defaults are told in words, without the keyword `default`: generated
 * clients and Swagger UI send a default as if it had been given, and what is given outweighs the preset.
 */
export const orderSchema: oas31.SchemaObject = {
  type: 'object',
  required: ['input_reference', 'audio'],
  additionalProperties: false,
  properties: {
    input_reference: {
      ...file,
      description: `The reference: ${formatsOf.reference} (${fileLimits.picture / 1e6} or ${fileLimits.video / 1e6} MB).`,
    },
    audio: {
      type: 'array',
      items: file,
      minItems: 1,
      maxItems: maxVoices,
      description:
        `One voice, or two: ${formatsOf.voice} (${fileLimits.voice / 1e6} MB each). ` +
        'Two are sent as two parts of this name; `audio[]` means the same.',
    },
    ...parameters(),
  },
}

function parameters(): Record<string, oas31.SchemaObject> {
  const { properties = {} } = z.toJSONSchema(parametersSchema, { io: 'input' }) as oas31.SchemaObject
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const { default: fallback, description, ...rules } = property as oas31.SchemaObject
      const example = examples[name as ParameterName]
      const shown = { ...rules, description: `${description}${defaultInWords(name, fallback)}` }
      return [name, example === undefined ? shown : { ...shown, examples: [example] }]
    }),
  )
}

function defaultInWords(name: string, fallback: unknown): string {
  if (fallback === undefined || fallback === '') return ''
  if (name in presets.quality) return ` Default: the preset’s, ${String(fallback)} with \`quality\`.`
  return ` Default: ${typeof fallback === 'string' ? `\`${fallback}\`` : String(fallback)}.`
}
