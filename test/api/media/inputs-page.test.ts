/** The tables of kinds in docs/inputs.md are made from the lists that decide; where they differ, this prints what belongs there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { references } from '../../../api/intake/file-kinds.js'
import { kindNames } from '../../../api/intake/kind-names.js'
import { otherCodecs, takenCodecsInWords } from '../../../api/media/film/film-facts.js'
import { root } from '../../../infra/local/setup/root.mjs'

const page = readFileSync(join(root, 'docs/inputs.md'), 'utf8')
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
const withoutArticle = (name: string): string => upperFirst(name.replace(/^an? /, ''))

/** Of the kinds that are this one: those that are taken, then those that are refused by their name. */
function table(kind: 'picture' | 'video', advices: RegExp): string {
  const taken = [...references]
    .filter(([, known]) => known.kind === kind)
    .map(([type]) => kindNames.get(type)?.[0] ?? type)
  const rows = [...new Set(taken)].map((name) => `| ${withoutArticle(name)} | taken |`)
  const refused = [...kindNames].filter(([type, [, advice]]) => !references.has(type) && advices.test(advice))
  const reasons = refused.map(([, [name, advice]]) => `| ${withoutArticle(name)} | refused${advice} |`)
  return ['| kind | answer |', '| --- | --- |', ...rows, ...new Set(reasons)].join('\n')
}

function assertHas(section: string, text: string): void {
  const [, content = ''] = page.split(`\n## ${section}\n`)
  assert.ok(content.split('\n## ')[0]?.includes(text), `under "${section}" docs/inputs.md must have\n\n${text}\n`)
}

test('docs/inputs.md says of every kind of picture whether it is taken', () => {
  assertHas('Pictures', table('picture', /PNG or JPEG|as JPEG/))
})

test('docs/inputs.md says of every kind of film, and of its codec, whether it is taken', () => {
  assertHas('Films', table('video', /as MP4/))
  assertHas(
    'Films',
    `coded as ${takenCodecsInWords}. By name are refused: ${otherCodecs.map(([, name]) => name).join(', ')}.`,
  )
})
