import { z } from 'zod'
import { bboxRule } from './bbox.js'
import { presets } from '../../workflows/presets.js'
import { type ParameterName, type Parameters, parametersSchema } from './parameters.js'
import { Problem } from '../http/problems.js'

/**
 * Checks the text parts of a form; the first parameter that breaks its rule is named, with the rule and what was sent.
 * Blanks and line ends around a value are no part of it. Empty text means "not given"; what was not given is the preset's.
 */
export function readParameters(texts: ReadonlyMap<ParameterName, string>): Parameters {
  const given: Record<string, unknown> = {}
  for (const [name, text] of texts) if (text.trim() !== '') given[name] = valueOf(name, text.trim())
  const result = parametersSchema.safeParse(given)
  if (result.success) {
    const ofPreset = Object.entries(presets[result.data.preset]).filter(([name]) => given[name] === undefined)
    return { ...result.data, ...Object.fromEntries(ofPreset) }
  }
  const name = String(result.error.issues[0]?.path[0]) as ParameterName
  throw new Problem('invalid_parameter', `'${name}' must be ${ruleOf(name)}; it was ${shown(texts.get(name))}`, {
    param: name,
  })
}

/** Form parts are text; numbers are decimal numbers, booleans are true, false, 1 or 0 in any case, sizes are written in several ways. */
function valueOf(name: ParameterName, text: string): unknown {
  const word = text.toLowerCase()
  if (name === 'size') return word.replace(/\s*[x*×]\s*/, 'x')
  const type = rules.get(name)?.type
  if (type === 'integer' || type === 'number')
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/.test(word) ? Number(word) : text
  if (type === 'boolean')
    return word === 'true' || word === '1' ? true : word === 'false' || word === '0' ? false : text
  return text
}

type Rule = {
  type?: string
  enum?: unknown[]
  maxLength?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
}

/** Each parameter's JSON Schema. */
const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries(parametersSchema.shape).map(([name, schema]) => [
    name,
    z.toJSONSchema(schema, { io: 'input' }) as Rule,
  ]),
)

/** A parameter's rule in words. */
export function ruleOf(name: ParameterName): string {
  if (name === 'bbox') return bboxRule
  if (name === 'background') return 'a colour as #rrggbb, e.g. #00ff7f'
  if (name === 'size') return '480p, 720p or WIDTHxHEIGHT, e.g. 1280x720'
  const rule = rules.get(name) ?? {}
  if (rule.enum !== undefined) return rule.enum.map((word) => `'${String(word)}'`).join(' or ')
  if (rule.type === 'string') return `text of at most ${rule.maxLength} characters`
  if (rule.type === 'boolean') return 'true or false'
  if (rule.type === 'integer') return `a whole number from ${rule.minimum} to ${rule.maximum}`
  return rule.exclusiveMinimum === undefined
    ? `a number from ${rule.minimum} to ${rule.maximum}`
    : `a number greater than ${rule.exclusiveMinimum}${rule.maximum === undefined ? '' : `, up to ${rule.maximum}`}`
}

function shown(text: string | undefined): string {
  if (text === undefined) return 'missing'
  return text.length <= 40 ? JSON.stringify(text) : `${[...text].length} characters long`
}
