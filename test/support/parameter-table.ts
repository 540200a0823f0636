import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../infra/local/setup/root.mjs'

/**
 * The cases of each parameter, as both sides of the runner read them (`test/fixtures/parameters.json`).
 *
 * valid    taken by the API and by the ranks, and the same in both places; the first is what the ranks' tests start from
 * invalid  refused by both
 * settled  taken by the API, and turned into what the ranks get (null: into anything valid); refused by the ranks as it is
 * ranks    false where it ends before the ranks, which then do not know its name
 */
export type Cases = { valid: unknown[]; invalid: unknown[]; settled?: [unknown, unknown][]; ranks?: false }

const table = JSON.parse(readFileSync(join(root, 'test/fixtures/parameters.json'), 'utf8'), (_, value: unknown) =>
  isRepeated(value) ? value.repeat.repeat(value.times) : value,
) as Record<'parameters' | 'derived', Record<string, Cases>>

/** What a client may send. */
export const parameterCases = table.parameters
/** What the ranks get besides, made of the parameters and the files. */
export const derivedCases = table.derived

/** A value as a part of the form has it. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

function isRepeated(value: unknown): value is { repeat: string; times: number } {
  return value !== null && typeof value === 'object' && 'repeat' in value && 'times' in value
}
