import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedAt, isEnough, noFailures, reached, type FailureHistory } from '../../gaudi-runner/job/failure-history.js'

type Failure = [code: Parameters<typeof failedAt>[2], chunk?: number, step?: number]

/** After how many of the failures the job is given up; 0 if it never is. What an attempt reported counts as reached. */
function givenUpAfter(...failures: Failure[]): number {
  let history: FailureHistory = noFailures
  for (const [at, [code, chunk, step]] of failures.entries()) {
    const position = chunk === undefined || step === undefined ? undefined : { chunk, step }
    if (position) history = reached(history, position)
    history = failedAt(history, position, code)
    if (isEnough(history)) return at + 1
  }
  return 0
}

test('three failures at the same step are enough, whatever their code', () => {
  assert.equal(
    givenUpAfter(['rank_failed', 1, 2], ['rank_failed', 1, 2], ['rank_failed', 1, 2], ['rank_failed', 1, 2]),
    3,
  )
  assert.equal(givenUpAfter(['rank_died', 1, 2], ['rank_stalled', 1, 2], ['rank_died', 1, 2]), 3)
})

test('a job that gets further each time is never given up', () => {
  const steps = Array.from({ length: 100 }, (_, step): Failure => ['rank_failed', 0, step])
  assert.equal(givenUpAfter(...steps), 0)
})

test('a rank that throws is enough after three times, where progress was told a little earlier too', () => {
  assert.equal(givenUpAfter(['rank_failed', 1, 7], ['rank_failed', 1, 6], ['not_a_number', 1, 5]), 3)
  assert.equal(
    givenUpAfter(['rank_failed', 1, 6], ['rank_failed', 1, 7], ['rank_failed', 1, 6], ['rank_failed', 1, 5]),
    4,
  )
})

test('ranks that are killed now and then, or before they tell anything, do not fail a job so soon', () => {
  const killed = Array.from({ length: 9 }, (_, at): Failure => ['rank_died', 0, at % 2])
  assert.equal(givenUpAfter(...killed), 0)
  assert.equal(givenUpAfter(...killed, ['rank_died', 0, 1], ['rank_died', 0, 0], ['rank_died', 0, 1]), 11)
  const unreported = Array.from({ length: 20 }, (): Failure => ['node_failed'])
  assert.equal(givenUpAfter(...unreported), 10)
})
