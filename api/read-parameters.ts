import { z } from 'zod'
import { bboxRule } from './bbox.js'
import { type ParameterName, type Parameters, parametersSchema } from './parameters.js'
import { presetValues } from './presets.js'
import { Problem } from './problems.js'

/**
 * Checks the text parts of a form; the first parameter that breaks its rule is named, with the rule and what was sent.
 * What was not given is the preset's.
 */
export function readParameters(texts: ReadonlyMap<string, string>): Parameters {
  const given = Object.fromEntries([...texts].filter(([, text]) => text.trim() !== ''))
  const result = parametersSchema.safeParse(given)
  if (result.success) {
    const ofPreset = Object.entries(presetValues[result.data.preset]).filter(([name]) => given[name] === undefined)
    return { ...result.data, ...Object.fromEntries(ofPreset) }
  }
  const name = String(result.error.issues[0]?.path[0]) as ParameterName
  throw new Problem('invalid_parameter', `'${name}' must be ${ruleOf(name)}; it was ${shown(texts.get(name))}`, {
    param: name,
  })
}

type Rule = {
  type?: string
  enum?: unknown[]
  maxLength?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
}

/** A parameter's rule in words, from its JSON Schema. */
export function ruleOf(name: ParameterName): string {
  if (name === 'bbox') return bboxRule
  if (name === 'size') return '480p, 720p or WIDTHxHEIGHT, e.g. 1280x720'
  const rule = z.toJSONSchema(parametersSchema.shape[name], { io: 'input' }) as Rule
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
