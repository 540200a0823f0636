/** Words that the glossary has retired do not come back: what the table lists is nowhere in the source, the documents or the file names. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../infra/local/setup/root.mjs'

const glossary = 'docs/glossary.md'
const rooms = ['api', 'activities', 'docs', 'examples', 'gaudi-runner', 'infra', 'test', 'workflows']

type Retired = { word: string; instead: string }

/** The rows of the glossary's last table. */
function retiredWords(): Retired[] {
  const [, table = ''] = readFileSync(join(root, glossary), 'utf8').split('## Words that are no longer used')
  return [...table.matchAll(/^\| `(.+?)` \| `(.+?)` \|$/gm)].map(([, word = '', instead = '']) => ({ word, instead }))
}

/** The word at the beginning of a name or path, or as the whole of it: `StrayX` has `Stray`, and `astray` has not. */
function isIn(text: string, word: string): boolean {
  const literally = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w-])${literally}(?![a-z_-])`).test(text)
}

/** Every file of ours by its path from the root: source and documents, nothing that was fetched or made. */
function ourFiles(): string[] {
  const inRooms = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((path) => `${room}/${path}`),
  )
  return [...readdirSync(root), ...inRooms].filter(
    (path) =>
      /\.(ts|mjs|py|md)$/.test(path) && !/(^|\/)(node_modules|generated|\.venv)\//.test(path) && path !== glossary,
  )
}

test('no retired word is in a file or its name', () => {
  const retired = retiredWords()
  const found = ourFiles().flatMap((path) => {
    const lines = [path, ...readFileSync(join(root, path), 'utf8').split('\n')]
    return lines.flatMap((line, at) =>
      retired
        .filter(({ word }) => isIn(line, word))
        .map(({ word, instead }) => `${path}:${at}: '${word}' is called '${instead}' now`),
    )
  })
  assert.deepEqual(found, [])
})

test('each row of the table is read, and finds its word as a name, within one and as a path, but not its replacement', () => {
  const [, table = ''] = readFileSync(join(root, glossary), 'utf8').split('## Words that are no longer used')
  const retired = retiredWords()
  assert.equal(retired.length, table.split('\n').filter((line) => line.startsWith('|')).length - 2)
  assert.ok(retired.length > 30)
  for (const { word, instead } of retired) {
    for (const text of [word, `  x.set(${word}, 1)`, `import './${word}.js'`, `${word}Options`])
      assert.ok(isIn(text, word), text)
    assert.ok(!isIn(instead, word), instead)
  }
})
