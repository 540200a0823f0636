import { distance } from 'fastest-levenshtein'
import { parametersSchema, type ParameterName } from '../parameters/parameters.js'
import { Problem } from '../http/problems.js'

/** What a part of the form is, by its name alone. */
export type FormPart =
  | { kind: 'reference' }
  | { kind: 'voice' }
  | { kind: 'parameter'; name: ParameterName }
  /** Names the charset of all text whose parts name none: a hidden field of HTML forms, RFC 7578, 4.6. */
  | { kind: 'charset' }
  /** One of `ignoredNames`; passes without effect. */
  | { kind: 'ignored' }
  | { kind: 'unknown' }

const voiceName = /^audio(\[\d{0,2}\])?$/
/** Names that gateways and SDKs send to every server alike; also with a key in brackets, `metadata[team]`. */
export const ignoredNames: readonly string[] = [
  ...['user', 'metadata', 'safety_identifier', 'service_tier', 'store', 'quality'],
]
/** What other services call ours. */
const namesElsewhere: ReadonlyMap<string, string> = new Map([
  ...['width', 'height', 'resolution', 'aspect_ratio'].map((name) => [name, 'size'] as const),
  ...['num_inference_steps', 'inference_steps', 'num_steps'].map((name) => [name, 'steps'] as const),
  ...['guidance_scale', 'cfg_scale'].map((name) => [name, 'guide_scale'] as const),
  ...['image', 'video', 'first_frame', 'image_url'].map((name) => [name, 'input_reference'] as const),
  ...['voice', 'speech', 'sound'].map((name) => [name, 'audio'] as const),
  ['flow_shift', 'shift'],
])
const parameterNames = Object.keys(parametersSchema.shape)
const knownNames = ['input_reference', 'audio', ...parameterNames]

/** `audio`, `audio[]` and `audio[0]` mean the same; their order is that in which they are sent. */
export function partOf(name: string): FormPart {
  if (name === 'input_reference') return { kind: 'reference' }
  if (voiceName.test(name)) return { kind: 'voice' }
  if (name === '_charset_') return { kind: 'charset' }
  // An own list, never an object's keys: names such as __proto__ come from outside.
  if (parameterNames.includes(name)) return { kind: 'parameter', name: name as ParameterName }
  return ignoredNames.includes(name.replace(/\[[^\]]*\]$/, '')) ? { kind: 'ignored' } : { kind: 'unknown' }
}

export function unknownParameter(name: string): Problem {
  const short = name.slice(0, 64)
  const nearest = nearestName(short)
  const hint = nearest === undefined ? `known are ${knownNames.join(', ')}` : `did you mean '${nearest}'?`
  return new Problem('unknown_parameter', `there is no parameter ${JSON.stringify(short)}; ${hint}`, { param: short })
}

/** What the name is called here; else the known name that takes the fewest letters to change, if it takes fewer than half of them. */
export function nearestName(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/\[.*$/, '').replaceAll('-', '_')
  const elsewhere = namesElsewhere.get(plain)
  if (elsewhere !== undefined) return elsewhere
  const [best] = knownNames
    .map((known) => ({ known, letters: distance(plain, known) }))
    .sort((a, b) => a.letters - b.letters)
  return best !== undefined && best.letters < Math.max(plain.length, best.known.length) / 2 ? best.known : undefined
}
