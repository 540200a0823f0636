import assert from 'node:assert/strict'
import test from 'node:test'
import { NewerFormat, readStored, writeStored } from '../../infra/files/stored-format.js'

test('an older format is read, a newer one is refused with both numbers, and what has none is not ours', () => {
  assert.deepEqual(readStored('order.json', writeStored(1, { fps: 25 }), 2), { format: 1, fps: 25 })
  assert.throws(
    () => readStored('order.json', writeStored(3, {}), 2),
    (error) =>
      error instanceof NewerFormat && error.message === 'order.json has format 3; this version knows formats up to 2',
  )
  for (const stored of [null, 1, 'text', [], {}, { format: '1' }, { format: 0 }, { format: 1.5 }])
    assert.throws(() => readStored('order.json', JSON.stringify(stored), 1), /order\.json has no format/)
})
