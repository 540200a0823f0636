import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { orderSchema } from '../../api/openapi/order-schema.js'
import { videoSchema } from '../../api/videos/video-schema.js'
import { root } from '../../infra/local/setup/root.mjs'
import { orderParameters } from '../../workflows/parameters.js'
import { namedTests, testNames } from '../support/named-tests.js'

const page = readFileSync(join(root, 'docs/guarantees.md'), 'utf8')

/** The text below a heading, by the heading. */
function sections(text: string, marks: '##' | '###'): Map<string, string> {
  const [, ...parts] = text.split(new RegExp(`^${marks} `, 'm'))
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]))
}

const chapters = sections(page, '##')

function chapter(heading: string): string {
  const text = chapters.get(heading)
  assert.ok(text !== undefined, `docs/guarantees.md has a chapter '${heading}'`)
  return text
}

/** What follows a label of a guarantee, `**Promised.**` for one, up to the next. */
function labelled(block: string, label: string): string {
  return (block.split(`**${label}.**`)[1] ?? '').split(/^(?:- )?\*\*[^*]+\.\*\*/m)[0] ?? ''
}

/** The rows of a chapter's one table, without its head. */
function rows(heading: string): string[][] {
  const lines = chapter(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
}

function assertThere(markdown: string, whose: string): void {
  const tests = namedTests(markdown)
  assert.ok(tests.length > 0, `${whose}: which test shows it?`)
  for (const { file, name } of tests) {
    assert.ok(testNames(file).size > 0, `${whose}: ${file} is no file with tests`)
    assert.ok(testNames(file).has(name), `${whose}: ${file} has no test '${name}'`)
  }
}

const guarantees = sections(chapter('Guarantees'), '###')

test('there are guarantees, each under a heading of its own', () => {
  assert.ok(guarantees.size >= 20)
  assert.equal(guarantees.size, [...page.matchAll(/^### /gm)].length, 'no heading twice, and none elsewhere')
})

for (const [heading, block] of guarantees) {
  test(`${heading}: says what is promised, breaks it, recovers, is not covered, and by which tests`, () => {
    for (const label of ['Promised', 'What can break it', 'What recovers', 'Not covered'])
      assert.match(labelled(block, label), /\w/, label)
    assertThere(labelled(block, 'Shown by'), heading)
  })
}

for (const [heading, schema] of [
  ['Fields of an answer', videoSchema.shape],
  ['Parameters of an order', orderSchema.properties ?? {}],
] as const) {
  test(`${heading}: each is there once, with what is promised and the test that shows it`, () => {
    const shown = rows(heading).map(([name = '', promised = '', tests = '', ...more]) => {
      assert.deepEqual(more, [], name)
      assert.match(promised, /\w/, name)
      assertThere(tests, name)
      return name.replaceAll('`', '')
    })
    assert.deepEqual(shown.sort(), Object.keys(schema).sort())
  })
}

test('what an order has is in the form', () => {
  const form = orderSchema.properties ?? {}
  for (const name of Object.keys(orderParameters.shape)) assert.ok(name in form, name)
})

test('what is not tested says so, and why', () => {
  const points = chapter('Not tested').split(/^- /m).slice(1)
  assert.ok(points.length > 0)
  for (const point of points) assert.match(point, /^.+ \*\*not tested:\*\* \w.+/s)
})

test('no test is named outside of where it is looked for', () => {
  const looked = [
    ...[...guarantees.values()].map((block) => labelled(block, 'Shown by')),
    ...['Fields of an answer', 'Parameters of an order'].flatMap((heading) =>
      rows(heading).map(([, , tests]) => tests ?? ''),
    ),
  ]
  const files = (text: string): number => [...text.matchAll(/`(?:test|gaudi-runner\/tests)\/[^`]+`/g)].length
  const ofThis = files(page.split('\n## ')[0] ?? '')
  assert.equal(
    files(page) - ofThis,
    looked.reduce((sum, text) => sum + files(text), 0),
  )
})
