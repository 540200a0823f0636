/** The voices of docs/inputs.md, held to the lists that the service decides by. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { refusedCodings, refusedWavCodings, voiceKinds } from '../../../api/intake/voice-kinds.js'
import { root } from '../../../infra/local/setup/root.mjs'

const page = readFileSync(join(root, 'docs/inputs.md'), 'utf8')
const [, voices = ''] = page.split('\n## Voices\n')
const table = voices
  .replace(/\n## [\s\S]*$/, '')
  .split('\n')
  .filter((line) => line.startsWith('| '))

const named = (names: Iterable<string>): string => [...new Set(names)].sort().join(', ')

test('the table of docs/inputs.md has every kind of voice that is known, as the service decides', () => {
  const taken = voiceKinds.flatMap(({ name, extension, remark }) =>
    extension === undefined ? [] : [`| ${name} | taken | ${remark} |`],
  )
  const refused = voiceKinds.flatMap(({ name, extension, remark }) =>
    extension === undefined ? [`| ${name} | refused by its name | ${remark} |`] : [],
  )
  const others = [
    `| WAV with other codings | refused by its name | ${named(refusedWavCodings.values())} |`,
    `| other codings in MP4, MOV, 3GP, Matroska, WebM, Ogg, CAF, AIFF | refused by its name | ${named(refusedCodings.values())} |`,
  ]
  const right = ['| kind | | |', '| --- | --- | --- |', ...taken, ...refused, ...others]
  assert.deepEqual(table, right, `the table must be:\n${right.join('\n')}`)
})
