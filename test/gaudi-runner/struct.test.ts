import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { checkOrder } from '../../gaudi-runner/job/check-order.js'
import type { SubmitPart__Output as SubmitPart } from '../../gaudi-runner/generated/text2video/runner/v1/SubmitPart.js'
import { RpcError } from '../../gaudi-runner/contract/rpc-error.js'
import { loadRunnerProto } from '../../gaudi-runner/contract/runner-proto.js'
import type { RunnerOrder } from '../../gaudi-runner/client/runner-client.js'
import { type Json, type JsonObject, toStruct } from '../../gaudi-runner/contract/struct.js'
import { anOrder } from '../support/runner/local-runner.js'

const { requestSerialize, requestDeserialize } = loadRunnerProto().Runner.service.Submit

/** An order as the runner takes it, after it went over the wire. */
function taken(order: RunnerOrder) {
  const bytes = requestSerialize({ order: { ...order, settings: toStruct(order.settings) } })
  const { order: arrived } = requestDeserialize(bytes) as SubmitPart
  assert.ok(arrived)
  return checkOrder(arrived)
}

function refusal(order: RunnerOrder): string {
  try {
    taken(order)
  } catch (error) {
    assert.ok(error instanceof RpcError)
    return error.message
  }
  throw new assert.AssertionError({ message: 'the order was taken' })
}

test('any settings that JSON can say come through the wire as they were, to the last bit', () => {
  const values = fc.dictionary(
    fc.string({ unit: 'grapheme' }),
    fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<Json>,
  )
  // protobufjs leaves out a name that would reach an object's prototype.
  const polluting = JSON.parse('{"__proto__":{"polluted":1},"steps":4}') as Record<string, Json>
  const { settings: clean } = taken({ ...anOrder(), settings: polluting }).order
  assert.deepEqual([Object.keys(clean), Object.getPrototypeOf(clean)], [['steps'], Object.prototype])
  const carried = values.filter((settings) => !JSON.stringify(settings).includes('"__proto__":'))
  fc.assert(
    fc.property(carried, (settings) => {
      assert.equal(JSON.stringify(taken({ ...anOrder(), settings }).order.settings), JSON.stringify(settings))
    }),
  )
  const numbers = { seed: 2 ** 32 - 1, shift: 0.1 + 0.2, tiny: 5e-324 }
  assert.deepEqual(taken({ ...anOrder(), settings: numbers }).order.settings, numbers)
})

test('the longest prompts of the strangest characters are taken, and little more', () => {
  const longest = (times: number) => ({ prompt: '\u0000'.repeat(times), negative_prompt: '\u0000'.repeat(times) })
  taken(anOrder(longest(4000)))
  assert.match(refusal(anOrder(longest(5500))), /the settings have \d+ bytes; 65536 are taken/)
})

test('what JSON cannot say is refused with its name', () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.equal(refusal(anOrder({ shift: wrong })), 'the settings are wrong: shift is not a finite number')
  const empty = requestSerialize({ order: { ...anOrder(), settings: { fields: { hollow: {} } } } })
  const { order } = requestDeserialize(empty) as SubmitPart
  assert.ok(order)
  assert.throws(() => checkOrder(order), /the settings are wrong: hollow has no value/)
})

test('settings that are nested without end are refused before they are read', () => {
  let deep: Json = 1
  for (let level = 0; level < 30; level++) deep = [deep]
  taken(anOrder({ deep } as JsonObject))
  // The bytes of 300 lists in one another: written by hand, since nobody's library would.
  const field = (tag: number, body: Buffer) => Buffer.concat([Buffer.from([tag]), varint(body.length), body])
  let bytes = Buffer.from([0x11, 0, 0, 0, 0, 0, 0, 0, 0])
  for (let level = 0; level < 300; level++) bytes = field(0x32, field(0x0a, bytes))
  const entry = Buffer.concat([field(0x0a, Buffer.from('deep')), field(0x12, bytes)])
  const order = Buffer.concat([field(0x0a, Buffer.from('a')), field(0x2a, field(0x0a, entry))])
  assert.throws(() => requestDeserialize(field(0x0a, order)), /maximum nesting depth exceeded|max depth exceeded/)
})

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
    if (rest <= 0x7f) return Buffer.from(bytes)
  }
}
