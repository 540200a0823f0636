import { type ServiceError, Metadata, status } from '@grpc/grpc-js'
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TimeoutFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { activityEdge } from '../../activities/worker/activity-edge.js'
import { failure, failureOf } from '../../activities/worker/activity-failure.js'
import { jobFailure } from '../../activities/worker/runner-failure.js'
import { errorCode, presentVideo } from '../../api/videos/present-video.js'
import { breaks, rejections } from '../../gaudi-runner/ranks/rank-protocol.js'
import { RpcError, statusOf } from '../../gaudi-runner/contract/rpc-error.js'
import { DamagedArtifact, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import { FfmpegFailed } from '../../infra/ffmpeg/ffmpeg.js'
import { StorageAway } from '../../infra/s3/s3-object-store.js'
import { endingCode, type FailureCode, failureCode, failures, isOurFault } from '../../workflows/failures.js'
import { engineModels } from '../../workflows/node.js'
import type { RenderProgress } from '../../workflows/progress.js'
import { readFailure } from '../../workflows/video/read-failure.js'
import type { VideoMemo } from '../../workflows/video.js'

const progress: RenderProgress = {
  ...{ doing: 'rendering', node: 'n1', generation: 1, chunk: 1, chunks: 4, step: 2, steps: 8, secondsLeft: 9 },
}
const failedBy = (cause: Error) =>
  new ActivityFailure('failed', 'render', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'n1', cause)
/** A path, a key and an address: what a text of ours may hold, and no answer. */
const secret = "[Errno 2] '/srv/runner/jobs/reference' AKIA0SECRET 10.9.8.7:7233"
const memo: VideoMemo = {
  ...{ phase: 'failed', prompt: '', width: 64, height: 64, seconds: 1, work: 1, tokens: 1, createdAt: 0 },
}
const queue = { queueLength: 0, estimatedMinutes: 0, model: 'InfiniteTalk-demo' }
const shared = JSON.parse(readFileSync('test/fixtures/rank-failures.json', 'utf8'))

const ofRank = (code: string) => {
  const { code: found, detail } = jobFailure({ code, detail: secret, rank: 1 })
  return failure(found, detail)
}
/** Over the status and the trailer that cross the wire. */
const ofCall = (refusal: RpcError) => {
  const sent = statusOf(refusal, pino({ level: 'silent' }))
  const received = Object.assign(new Error(sent.details), { ...sent, metadata: sent.metadata ?? new Metadata() })
  return failureOf(new RunnerCallFailed('Submit', received as ServiceError))
}
const refused = (code?: FailureCode, as = status.FAILED_PRECONDITION) => ofCall(new RpcError(as, secret, code))
const timeout = (type: 'HEARTBEAT' | 'SCHEDULE_TO_START') => new TimeoutFailure(secret, progress, type)

/** Every code, by each way on which it comes about. */
const origins: [FailureCode, Error][] = [
  ...[...rejections, ...breaks].map((code): [FailureCode, Error] => [code, ofRank(code)]),
  ...(['rank_died', 'rank_stalled', 'node_failed'] as const).map((code): [FailureCode, Error] => [code, ofRank(code)]),
  ['internal', ofRank('of_a_newer_runner')],
  ['runner_busy', refused('runner_busy', status.RESOURCE_EXHAUSTED)],
  ['runner_busy', refused(undefined, status.RESOURCE_EXHAUSTED)],
  ['disk_full', refused('disk_full', status.RESOURCE_EXHAUSTED)],
  ['runner_not_ready', refused('runner_not_ready')],
  ['preset_not_offered', refused('preset_not_offered')],
  ['generation_fenced', refused('generation_fenced')],
  ['runner_draining', refused('runner_draining', status.UNAVAILABLE)],
  ['runner_lost', refused(undefined, status.UNAVAILABLE)],
  ['runner_lost', refused(undefined, status.NOT_FOUND)],
  ['internal', refused(undefined, status.INVALID_ARGUMENT)],
  ['bad_output', refused(undefined, status.DATA_LOSS)],
  ['bad_output', failureOf(new DamagedArtifact(secret))],
  ['storage_away', failureOf(new StorageAway(new Error(secret)))],
  ['storage_away', failureOf(Object.assign(new Error(secret), { code: 'ECONNRESET' }))],
  ['storage_away', failureOf(new Error('wrapped', { cause: new StorageAway(new Error(secret)) }))],
  ['storage_away', failureOf(new FfmpegFailed('interrupted', null, secret))],
  ['worker_lost', failureOf(new FfmpegFailed('aborted', null, secret))],
  ['internal', failureOf(new FfmpegFailed('refused', 1, secret))],
  ['internal', failureOf(new FfmpegFailed('timeout', null, secret))],
  ['internal', failureOf(new TypeError(secret))],
  ['internal', ApplicationFailure.retryable(secret, 'SomethingNew')],
  ['worker_lost', timeout('HEARTBEAT')],
  ['worker_lost', ApplicationFailure.retryable(secret, 'WorkerShutdown')],
  ['node_gone', timeout('SCHEDULE_TO_START')],
  ['node_drained', failure('node_drained', secret)],
  ['chunk_damaged', failure('chunk_damaged', secret)],
]

test('every code, from where it comes about to the answer: our sentence and the code, and nothing of the text', () => {
  const seen = new Set<FailureCode>(['cancelled']) // by the workflow itself
  for (const [code, cause] of origins) {
    seen.add(code)
    const read = readFailure(failedBy(cause))
    assert.equal(read.code, code, String(cause))
    if (cause instanceof ApplicationFailure && failures[code].retry !== 'always')
      assert.ok(cause.nonRetryable || cause.type !== code, `${code} is not left to the server`)
    const error = { code: endingCode(code), detail: secret }
    const answer = presentVideo({ id: 'v', memo: { ...memo, error }, priority: 3 }, queue)
    const shown = failures[code].told === null ? 'internal' : code
    assert.deepEqual([answer.error_code, answer.error], [shown, failures[shown].told])
    for (const part of secret.split(' ')) assert.ok(!JSON.stringify(answer).includes(part), `${code}: ${part}`)
  }
  assert.deepEqual([...seen].toSorted(), Object.keys(failures).toSorted())
})

test('what never ends a video tells its owner nothing, what ends it says what to do or who will', () => {
  for (const [code, { retry, told, actor }] of Object.entries(failures)) {
    assert.equal(told === null, retry === 'always', code)
    if (actor === 'client' && code !== 'cancelled') assert.match(String(told), /order again$/, code)
    if (isOurFault(code as FailureCode)) assert.match(String(told), /the operator finds the reason/, code)
  }
})

test('a video without an error has no code, and one that failed under another version has one', () => {
  const unknown = { code: 'OutOfMemory', detail: secret } as unknown as NonNullable<VideoMemo['error']>
  assert.equal(errorCode({ phase: 'failed', error: unknown }), 'internal')
  assert.equal(errorCode({ phase: 'failed' }), 'internal')
  assert.equal(errorCode({ phase: 'cancelled' }), 'cancelled')
  assert.equal(errorCode({ phase: 'completed' }), null)
  assert.equal(failureCode('toString'), 'internal')
  assert.equal(failureCode(undefined), 'internal')
})

test('what the ranks say is what the table knows', () => {
  const rowOf = (codes: readonly FailureCode[]) =>
    Object.fromEntries(codes.map((code) => [code, [failures[code].actor, failures[code].retry]]))
  assert.deepEqual(rowOf(rejections), shared.rejections)
  assert.deepEqual(rowOf(breaks), shared.breaks)
  assert.deepEqual(new Set(shared.cases.map(({ code }: { code: string }) => code)), new Set(breaks))
  assert.deepEqual(engineModels, shared.models)
})

test('the guide lists every code with who acts, whether it is tried again, and what the client is told', () => {
  const guide = readFileSync('docs/errors.md', 'utf8')
  const again = { never: 'no', thrice: 'three times in all', always: 'without end' }
  const rows = Object.entries(failures).map(
    ([code, { meaning, actor, retry, told }]) =>
      `| \`${code}\` | ${meaning} | ${actor} | ${again[retry]} | ${told === null ? '–' : told} |`,
  )
  const listed = guide.split('\n').filter((line) => line.startsWith('| `') && line.split('|').length === 7)
  assert.deepEqual(listed.slice(1), rows, `docs/errors.md must list:\n${rows.join('\n')}`)
})

test('a rank’s failure names the rank', () => {
  const failed = { code: 'out_of_memory', detail: 'at step 3' }
  assert.deepEqual(jobFailure({ ...failed, rank: -1 }), failed)
  assert.deepEqual(jobFailure({ ...failed, rank: 2 }), { ...failed, detail: 'rank 2: at step 3' })
})

test('the workflow reads how far the render had come, and leaves a cancellation alone', () => {
  const lost = readFailure(failedBy(timeout('HEARTBEAT')))
  assert.deepEqual([lost.progress, lost.silent], [progress, true])
  const away = readFailure(failedBy(failure('runner_lost', 'away', { progress })))
  assert.deepEqual(away, { code: 'runner_lost', detail: 'away', progress })
  const cancelled = failedBy(new CancelledFailure('CANCELLED'))
  assert.throws(() => readFailure(cancelled), cancelled)
  assert.equal(failureOf(cancelled.cause), cancelled.cause)
})

test('the edge of every activity gives errors their code, and what a cancellation broke is the cancellation', async () => {
  const registry = new Registry()
  const edge = activityEdge({ log: pino({ level: 'silent' }), registry })
  const bug = new MockActivityEnvironment({ activityType: 'prepare' }, { interceptors: [edge] })
  await assert.rejects(
    bug.run(async () => {
      throw new TypeError('a bug')
    }),
    { type: 'internal', message: 'a bug', nonRetryable: true },
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
  assert.match(metrics, /text2video_activity_seconds_count\{activity="prepare",outcome="internal"\} 1/)
  assert.match(metrics, /text2video_activity_seconds_count\{activity="prepare",outcome="cancelled"\} 1/)
})
