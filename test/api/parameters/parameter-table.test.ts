import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { rankSettings } from '../../../activities/render/runner-order.js'
import { type ParameterName, parametersSchema } from '../../../api/parameters/parameters.js'
import { Problem } from '../../../api/http/problems.js'
import { readParameters, ruleOf } from '../../../api/parameters/read-parameters.js'
import { resolved } from '../../../api/acceptance/receive-order.js'
import { presetNames } from '../../../workflows/presets.js'
import { anAcceptedOrder } from '../../support/api/an-order.js'
import { asText, derivedCases, parameterCases } from '../../support/parameter-table.js'

const names = Object.keys(parametersSchema.shape) as ParameterName[]

/** What the ranks are given for a parameter that a client sends as this text. */
function atTheRanks(name: ParameterName, value: unknown): unknown {
  const parameters = resolved(readParameters(new Map([[name, asText(value)]])))
  // As `order.json` has it, and Temporal.
  const order = JSON.parse(JSON.stringify({ ...anAcceptedOrder('video_1'), parameters }))
  return (rankSettings(order) as Record<string, unknown>)[name]
}

test('the table has every parameter, and the ranks are given those that it says', () => {
  assert.deepEqual(Object.keys(parameterCases).sort(), [...names].sort())
  const given = Object.keys(rankSettings(anAcceptedOrder('video_1'))).concat('first_chunk')
  const expected = names.filter((name) => parameterCases[name]?.ranks !== false).concat(Object.keys(derivedCases) as [])
  assert.deepEqual(given.sort(), expected.sort())
})

for (const name of names) {
  const { valid, invalid, settled = [], ranks } = parameterCases[name] ?? { valid: [], invalid: [] }

  test(`${name}: what is valid arrives at the ranks as it was sent`, () => {
    assert.ok(valid.length > 0 && invalid.length > 0)
    for (const value of valid) {
      if (value === '') continue // of a form: not given
      assert.deepEqual(atTheRanks(name, value), ranks === false ? undefined : value)
    }
    for (const [asked, given] of settled) {
      const got = atTheRanks(name, asked)
      if (given !== null) assert.equal(got, given)
      else assert.notEqual(got, asked)
    }
  })

  test(`${name}: what is not is refused by name, with its rule`, () => {
    for (const value of invalid) {
      assert.throws(
        () => readParameters(new Map([[name, asText(value)]])),
        (error) => error instanceof Problem && error.param === name && error.message.includes(ruleOf(name)),
        `${name}=${asText(value).slice(0, 20)}`,
      )
    }
  })

  test(`${name}: each of its bounds is in the table, from both sides`, () => {
    const rule = z.toJSONSchema(parametersSchema.shape[name], { io: 'input' })
    if (rule.type !== 'integer' && rule.type !== 'number') return
    const taken = [...valid, ...settled.map(([asked]) => asked)] as number[]
    const refused = invalid.filter((value) => typeof value === 'number')
    if (rule.minimum !== undefined) assert.ok(taken.includes(rule.minimum) && Math.min(...refused) < rule.minimum)
    if (typeof rule.exclusiveMinimum === 'number') assert.ok(refused.includes(rule.exclusiveMinimum))
    const { maximum = Number.MAX_SAFE_INTEGER } = rule
    if (maximum < Number.MAX_SAFE_INTEGER) assert.ok(taken.includes(maximum) && Math.max(...refused) > maximum)
  })
}

test('the presets of the table, from which the ranks read theirs, are all presets', () => {
  assert.deepEqual(parameterCases['preset']?.valid, presetNames)
})
