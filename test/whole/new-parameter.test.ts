import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { partOf } from '../../api/intake/part-names.js'
import { root } from '../../infra/local/setup/root.mjs'
import { asText, parameterCases } from '../support/parameter-table.js'
import { testStack } from '../support/test-stack.js'

type Journey = { order: Record<string, unknown>; sampling: Record<string, unknown> }

/** See `order-journey.ts`. */
function journeys(folder: string, forms: Record<string, string>[]): Journey[] {
  return JSON.parse(
    run(folder, process.execPath, ['dist/test/support/video/order-journey.js', JSON.stringify(forms)]),
  ) as Journey[]
}

function run(cwd: string, command: string, args: string[]): string {
  // Node skips a test run within a test run unless it does not know of it.
  const { NODE_TEST_CONTEXT, ...env } = process.env
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 })
}

test('every parameter that a form gives is the same in the order of the ranks, and in what a step takes of it', () => {
  // Of each one that is not its default. Boxes want two voices, a preset weights, and a form turns line breaks into its own.
  const names = Object.keys(parameterCases).filter((name) => !['bbox', 'preset'].includes(name))
  const chosen = names.flatMap((name) => {
    const { valid, ranks } = parameterCases[name] ?? { valid: [] }
    const value = valid.find((each) => each !== valid[0] && each !== '' && !/\n/.test(asText(each)))
    return ranks === false || value === undefined ? [] : [[name, value] as const]
  })
  assert.ok(chosen.length >= 9)
  const form = Object.fromEntries(chosen.map(([name, value]) => [name, asText(value)]))
  const [{ order, sampling } = { order: {}, sampling: {} }] = journeys(root, [form])
  for (const [name, value] of chosen) {
    assert.deepEqual(order[name], value, name)
    if (name in sampling) assert.equal(sampling[name], value, name)
  }
  for (const name of ['steps', 'shift', 'guide_scale', 'audio_guide_scale']) assert.ok(name in sampling, name)
})

test("the recipe in CONTRIBUTING.md adds a parameter, in at most 5 source files, from the form to the ranks' step", (t) => {
  const recipe = /^```diff\n(.*?)^```$/ms.exec(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'))?.[1]
  assert.ok(recipe, 'CONTRIBUTING.md shows the change')
  const files = [...recipe.matchAll(/^\+\+\+ b\/(.*)$/gm)].map(([, file]) => file ?? '')
  const sources = files.filter((file) => !file.startsWith('test/fixtures/'))
  assert.ok(sources.length >= 2 && sources.length <= 5, files.join(', '))

  const copy = mkdtempSync(join(tmpdir(), 'new-parameter-'))
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  const parts = ['workflows', 'activities', 'api', 'gaudi-runner', 'infra', 'test', 'dist', 'examples']
  for (const part of [...parts, 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(join(root, part), join(copy, part), {
      recursive: true,
      filter: (path) => !/\/(\.venv|histories)$/.test(path),
    })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  writeFileSync(join(copy, 'recipe.diff'), recipe)
  run(copy, 'git', ['apply', '-C1', 'recipe.diff'])

  run(copy, process.execPath, ['node_modules/typescript-7/bin/tsc', '--project', '.'])
  run(copy, process.execPath, [
    '--test',
    'dist/test/api/parameters/parameter-table.test.js',
    'dist/test/api/parameters/parameters.test.js',
  ])
  const python = process.env.PYTHON_PATH ?? testStack().pythonPath
  run(copy, python, ['-m', 'pytest', 'gaudi-runner/tests/test_order.py', '-q'])

  const added = /^\+ {2}(\w+): z\b/m.exec(recipe)?.[1]
  assert.ok(added)
  const [usual, asked] = journeys(copy, [{}, { [added]: '7.5' }])
  assert.deepEqual([usual?.order[added], usual?.sampling[added]], [1, 1], 'its default')
  assert.deepEqual([asked?.order[added], asked?.sampling[added]], [7.5, 7.5])
  assert.deepEqual(partOf(added), { kind: 'unknown' }, 'without the recipe there is no such parameter')
})
