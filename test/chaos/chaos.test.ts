import assert from 'node:assert/strict'
import test from 'node:test'
import { chaosEnvironment } from './env.js'
import { demoOrders } from './orders.js'
import { Random } from './random.js'
import { faultTable, tableText } from './report.js'
import { chaosRun } from './run.js'
import { faultName, kinds, schedule } from './schedule.js'

// Stacks of their own: everything of them is killed. Their faults come from a seed; a failure tells how to see it again.

const seed = 25
const longestSeconds = 5
/** Half of them two at once: that makes 17 blows of 27, for a recovery takes as long from one as from two. */
const together = 0.5

test('a round of the schedule has every kind of fault once, and a seed gives the same one again', () => {
  const steps = schedule(new Random(seed), kinds, 5000, together)
  const names = steps.flatMap(({ faults }) => faults.map(faultName))
  assert.equal(new Set(names).size, kinds)
  assert.deepEqual(schedule(new Random(seed), kinds, 5000, together), steps)
  assert.notDeepEqual(schedule(new Random(seed + 1), kinds, 5000, together), steps)
})

test('after every kind of fault each accepted video is completed once, unchanged, and nothing else is left', async (context) => {
  const { records, violations, dir } = await chaosRun({
    ...{ seed, faults: kinds, together, longestMs: 1000 * longestSeconds, videos: 12 },
    orders: await demoOrders(),
    twins: new Map(),
    env: chaosEnvironment(),
    say: (line) => context.diagnostic(line),
  })
  context.diagnostic(`\n${tableText(faultTable(records))}`)
  const again = `npm run chaos -- --seed ${seed} --faults ${kinds} --longest-seconds ${longestSeconds} --together ${together}`
  assert.deepEqual(violations, [], `${again}; logs in ${dir}/data/logs`)
  assert.equal(records.flatMap(({ faults }) => faults).length, kinds)
})
