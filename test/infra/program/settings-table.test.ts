import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { z } from 'zod'
import * as settings from '../../../infra/program/settings.js'
import { root } from '../../../infra/local/setup/root.mjs'

/** The README's table as the settings have it; a default that depends on the machine is described instead. */
function expectedRows(): string[] {
  const groups = Object.entries(settings).filter(([name]) => name.endsWith('Settings') && name !== 'readSettings')
  const variables = new Map<string, z.ZodType>()
  for (const [, group] of groups) {
    for (const [name, type] of Object.entries(group)) variables.set(name, type as z.ZodType)
  }
  return [...variables].map(([name, type]) => `| \`${name}\` | ${fallback(type)} | ${type.description ?? ''} |`)
}

function fallback(type: z.ZodType): string {
  const { success, data } = type.safeParse(undefined)
  if (!success || data === undefined) return '–'
  const isOfThisMachine =
    String(data) ===
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9-]/g, '-')
      .slice(0, 40)
  return isOfThisMachine ? 'host name' : `\`${String(data)}\``
}

test('the table of settings in the README is the settings themselves', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z0-9_]+` \|/.test(line))
  const expected = expectedRows()
  const table = ['| setting | default | meaning |', '| --- | --- | --- |', ...expected].join('\n')
  // The order is the README's own affair.
  const differs = rows.toSorted().join('\n') !== expected.toSorted().join('\n')
  if (differs) assert.fail(`the README's table must be, in any order:\n\n${table}\n`)
})

test('every setting says what it means', () => {
  for (const row of expectedRows()) assert.doesNotMatch(row, /\|\s*\|$/, row)
})
