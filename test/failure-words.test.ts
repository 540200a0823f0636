import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TimeoutFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { activityEdge } from '../activities/activity-edge.js'
import { failure, failureOf } from '../activities/failure.js'
import { jobFailure } from '../activities/runner-failure.js'
import { DamagedArtifact } from '../gaudi-runner/runner-client.js'
import { FfmpegFailed } from '../infra/ffmpeg.js'
import { StorageAway } from '../infra/s3-object-store.js'
import type { RenderProgress } from '../workflows/progress.js'
import { readFailure } from '../workflows/read-failure.js'

const progress: RenderProgress = {
  ...{ doing: 'rendering', node: 'n1', generation: 1, chunk: 1, chunks: 4, step: 2, steps: 8, secondsLeft: 9 },
}
const failedBy = (cause: Error) =>
  new ActivityFailure('failed', 'render', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'n1', cause)

test('every error has a word, and only what the world did is tried again', () => {
  const cases: [unknown, string, boolean][] = [
    [new StorageAway(new Error('no answer')), 'StorageAway', false],
    [Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), 'StorageAway', false],
    [new Error('wrapped', { cause: new StorageAway(new Error('x')) }), 'StorageAway', false],
    [new FfmpegFailed('interrupted', null, ''), 'StorageAway', false],
    [new FfmpegFailed('refused', 1, 'Invalid data'), 'Internal', true],
    [new FfmpegFailed('timeout', null, ''), 'Internal', true],
    [new DamagedArtifact('chunk'), 'BadOutput', true],
    [new TypeError('undefined is not a function'), 'Internal', true],
    [failure('InvalidInput', 'no face'), 'InvalidInput', true],
    [failure('RunnerBusy', 'held'), 'RunnerBusy', false],
  ]
  for (const [error, word, nonRetryable] of cases) {
    const failed = failureOf(error)
    assert.ok(failed instanceof ApplicationFailure)
    assert.deepEqual([failed.type, failed.nonRetryable], [word, nonRetryable], String(error))
  }
  const cancelled = new CancelledFailure('CANCELLED')
  assert.equal(failureOf(cancelled), cancelled)
  assert.deepEqual(jobFailure({ reason: 'OUT_OF_MEMORY', message: 'at step 3', rank: -1 }), {
    word: 'OutOfMemory',
    message: 'at step 3',
  })
})

test('the workflow reads who must act, and how far the render had come', () => {
  const lost = readFailure(failedBy(new TimeoutFailure('activity Heartbeat timeout', progress, 'HEARTBEAT')))
  assert.deepEqual([lost.word, lost.progress, lost.silent], ['WorkerLost', progress, true])
  const untaken = new TimeoutFailure('activity ScheduleToStart timeout', undefined, 'SCHEDULE_TO_START')
  assert.equal(readFailure(failedBy(untaken)).word, 'NodeGone')
  assert.equal(readFailure(failedBy(ApplicationFailure.retryable('bye', 'WorkerShutdown'))).word, 'WorkerLost')
  const away = readFailure(failedBy(failure('RunnerLost', 'away', { progress })))
  assert.deepEqual(away, { word: 'RunnerLost', message: 'away', progress })
  assert.equal(readFailure(failedBy(ApplicationFailure.retryable('?', 'SomethingNew'))).word, 'Internal')
  const cancelled = failedBy(new CancelledFailure('CANCELLED'))
  assert.throws(() => readFailure(cancelled), cancelled)
})

test('the edge of every activity gives errors their word, and what a cancellation broke is the cancellation', async () => {
  const registry = new Registry()
  const edge = activityEdge({ log: pino({ level: 'silent' }), registry })
  const bug = new MockActivityEnvironment({ activityType: 'prepare' }, { interceptors: [edge] })
  await assert.rejects(
    bug.run(async () => {
      throw new TypeError('a bug')
    }),
    { type: 'Internal', message: 'a bug', nonRetryable: true },
  )
  const stopped = new MockActivityEnvironment({ activityType: 'prepare' }, { interceptors: [edge] })
  await assert.rejects(
    stopped.run(async () => {
      stopped.cancel()
      throw new FfmpegFailed('aborted', null, '')
    }),
    CancelledFailure,
  )
  const metrics = await registry.metrics()
  assert.match(metrics, /text2video_activity_seconds_count\{activity="prepare",outcome="Internal"\} 1/)
  assert.match(metrics, /text2video_activity_seconds_count\{activity="prepare",outcome="Cancelled"\} 1/)
})
