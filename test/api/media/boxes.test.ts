import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import fc from 'fast-check'
import type { ParameterName } from '../../../api/parameters/parameters.js'
import { checkBoxes } from '../../../api/media/check-boxes.js'
import { Problem } from '../../../api/http/problems.js'
import { readParameters } from '../../../api/parameters/read-parameters.js'
import { tokenGrid } from '../../../api/media/token-grid.js'
import type { Reference } from '../../../workflows/order.js'
import type { Box } from '../../../workflows/parameters.js'
import type { Size } from '../../../workflows/size-buckets.js'

const reference = (width: number, height: number, kind: Reference['kind'] = 'picture'): Reference => ({
  ...{ key: 'k', bytes: 1, sha256: 's' },
  ...{ kind, width, height },
})
const box = (x: number, y: number, width: number, height: number): Box => ({ x, y, width, height })
const render = { width: 640, height: 640 }
const left = box(0, 0, 300, 640)
const right = box(320, 0, 300, 640)

function refusal(boxes: Box[], { voices = 2, of = reference(640, 640) } = {}): string {
  try {
    checkBoxes(boxes, voices, of, render)
  } catch (error) {
    assert.ok(error instanceof Problem)
    assert.deepEqual([error.type, error.param], ['invalid_parameter', 'bbox'])
    return error.message
  }
  return 'taken'
}

test('a token looks at the pixel that the ranks look at', () => {
  const cases = JSON.parse(readFileSync('test/fixtures/token-grid.json', 'utf8'))
  for (const { source, render, columns, rows } of cases as { source: Size; render: Size; [side: string]: any }[]) {
    assert.deepEqual(tokenGrid(source, render), { columns, rows }, JSON.stringify({ source, render }))
  }
})

test('boxes come as an array in the order of the voices or by person, and as nothing else', () => {
  const read = (bbox: string) => readParameters(new Map([['bbox', bbox]]) as Map<ParameterName, string>).bbox
  assert.deepEqual(read(JSON.stringify([left, right])), [left, right])
  assert.deepEqual(read(` ${JSON.stringify({ person2: right, person1: left })}`), [left, right])
  assert.equal(read(''), undefined)
  const wrong = [
    ...[
      '[',
      'null',
      '7',
      '"[]"',
      '[[0,0,10,10]]',
      '[{"x":0,"y":0,"width":10}]',
      '[{"x":-1,"y":0,"width":1,"height":1}]',
    ],
    ...['[{"x":0,"y":0,"width":0,"height":5}]', '[{"x":0.5,"y":0,"width":5,"height":5}]', '{"person1":{}}'],
    JSON.stringify({ person1: left }),
    JSON.stringify({ person1: left, person2: right, person3: right }),
    JSON.stringify([{ ...left, z: 1 }]),
  ]
  for (const text of wrong) {
    assert.throws(() => read(text), { type: 'invalid_parameter', param: 'bbox', message: /must be JSON: one/ }, text)
  }
})

test('there is one box per voice, for two voices', () => {
  assert.equal(refusal([]), 'taken')
  assert.equal(refusal([], { voices: 1 }), 'taken')
  assert.equal(refusal([left, right]), 'taken')
  assert.match(refusal([left], { voices: 1 }), /^'bbox' is for two voices: one voice owns the whole picture/)
  assert.match(refusal([left]), /has 1 box for 2 voices$/)
  assert.match(refusal([left, right, right]), /has 3 boxes for 2 voices; the model knows two people at most$/)
})

test('a box lies within the reference as it is displayed; a video has even sides', () => {
  assert.match(refusal([left, box(320, 0, 321, 640)]), /person 2 reaches to 641 x 640, beyond the 640 x 640 pixels/)
  assert.equal(refusal([left, box(320, 0, 321, 600)], { of: reference(641, 640) }), 'taken')
  const video = reference(641, 640, 'video')
  assert.match(refusal([left, box(320, 0, 321, 600)], { of: video }), /beyond the 640 x 640 pixels/)
})

test('a box without a token is answered with the smallest that would do there', () => {
  assert.equal(
    refusal([left, box(321, 33, 10, 60)]),
    "'bbox' of person 2 covers no token of the 640x640 video; the smallest box that would do at this place is " +
      '{"x":320,"y":33,"width":11,"height":60}',
  )
  // A landscape picture loses its sides to the crop: whoever stands there is not in the video.
  const wide = { of: reference(1280, 640) }
  assert.match(refusal([box(0, 0, 100, 640), box(700, 0, 200, 640)], wide), /"x":0,"y":0,"width":321,"height":640/)
})

test('the smallest box that is named would do', () => {
  const sides = fc.integer({ min: 64, max: 2000 })
  fc.assert(
    fc.property(sides, sides, fc.nat(), fc.nat(), (width, height, x, y) => {
      const of = reference(width, height)
      const tiny = box(x % width, y % height, 1, 1)
      const answer = refusal([tiny, tiny], { of })
      const named = /place is (\{.*\})$/.exec(answer)?.[1]
      if (named === undefined) return assert.equal(answer, 'taken')
      const grown = JSON.parse(named) as Box
      assert.equal(refusal([grown, grown], { of }), 'taken')
    }),
  )
})

test('boxes that leave no token to the background are answered with what to leave free', () => {
  const answer = refusal([box(0, 0, 320, 640), box(320, 0, 320, 640)])
  assert.match(answer, /leaves no token to the background; .*\{"x":624,"y":624,"width":1,"height":1\}$/)
  assert.equal(refusal([box(0, 0, 320, 640), box(320, 0, 304, 640)]), 'taken')
})
