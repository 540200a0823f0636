import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { createRenderActivities } from '../../activities/render/render.js'
import { FollowedJobs } from '../../activities/render/followed-jobs.js'
import { createRenderMetrics } from '../../activities/render/render-metrics.js'
import type { ChunkMark } from '../../activities/chunk-mark.js'
import { chunksOf, storedChunks } from '../../activities/render/stored-chunks.js'
import { connectObjectStore, StorageAway } from '../../infra/s3/s3-object-store.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { RenderInterrupted, RenderStarted } from '../../workflows/names.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { RenderProgress } from '../../workflows/progress.js'
import type { Rendered, RenderRequest } from '../../workflows/video/video-activities.js'
import { startLocalRunner, untilIdle } from '../support/runner/local-runner.js'
import { until } from '../support/until.js'
import { testStack } from '../support/test-stack.js'
import { anAcceptedOrder } from '../support/api/an-order.js'

const store = await connectObjectStore(testStack().s3)
const runner = await startLocalRunner()
await untilIdle(runner.client)
after(async () => {
  await runner[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

let videos = 0

/** A request for two chunks whose inputs are in S3; the prompt says what befalls the played ranks. */
async function aRequest(prompt = 'a person talks', generation = 1): Promise<RenderRequest> {
  videos++
  const videoId = `video_1700000000_render${String(videos).padStart(4, 'a')}`
  await store.removeAll(objectKeys.video(videoId))
  const stored = async (key: string) => {
    const bytes = randomBytes(250_000)
    await store.put(key, bytes)
    return { key, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
  const order = anAcceptedOrder(videoId, { prompt, steps: 4, width: 64, height: 64 })
  const analysis = await stored(objectKeys.preparedVoice(videoId, 0))
  order.voices = order.voices.map((voice) => ({ ...voice, samples: 153 * 640, analysis }))
  const reference = { kind: 'picture' as const, ...(await stored(order.reference.key)) }
  return { order, reference, generation }
}

/** The same with a second for each chunk. */
function slowly(request: RenderRequest): RenderRequest {
  const { order } = request
  return { ...request, order: { ...order, parameters: { ...order.parameters, steps: 50 } } }
}

type Play = {
  environment: MockActivityEnvironment
  beats: RenderProgress[]
  started: RenderStarted[]
  interrupted: RenderInterrupted[]
}

/** The node's worker: a test that starts it anew makes another. */
const worker = { followed: new FollowedJobs(), isLeaving: false }

type PlayOptions = { from?: ObjectStore; attach?: boolean; by?: typeof worker }

function play(request: RenderRequest, { from = store, attach = false, by = worker }: PlayOptions = {}) {
  const played: Play = { environment: new MockActivityEnvironment(), beats: [], started: [], interrupted: [] }
  played.environment.on('heartbeat', (progress: RenderProgress) => played.beats.push(progress))
  const activities = createRenderActivities({
    store: from,
    runner: runner.client,
    node: 'n1',
    followed: by.followed,
    isLeaving: () => by.isLeaving,
    signals: {
      started: async (_videoId, started) => void played.started.push(started),
      interrupted: async (_videoId, interrupted) => void played.interrupted.push(interrupted),
    },
    metrics: createRenderMetrics(new Registry()),
    log: pino({ level: 'silent' }),
  })
  const result: Promise<Rendered> = attach
    ? played.environment.run(activities.attach, request)
    : played.environment.run(activities.render, request)
  return { ...played, result }
}

function failedWith(code: string, message?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ApplicationFailure, String(error))
    assert.equal(error.type, code)
    if (message) assert.match(error.message, message)
    return true
  }
}

async function markOf(videoId: string, chunk: number, generation = 1): Promise<ChunkMark> {
  return JSON.parse(String(await store.read(objectKeys.chunkMark(videoId, chunk, generation)))) as ChunkMark
}

test('a render leaves every chunk in S3 as it was made, tells where it is, and leaves the node idle', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  const { result, beats, started } = play(request)
  const { lineage, frames } = await result
  assert.deepEqual(lineage, [1, 1])
  for (const chunk of [0, 1]) {
    const mark = await markOf(videoId, chunk)
    for (const [key, digest] of [
      [objectKeys.chunkSegment(videoId, chunk, 1), mark.segment],
      [objectKeys.chunkState(videoId, chunk, 1), mark.state],
    ] as const) {
      const bytes = await store.read(key)
      assert.ok(bytes)
      assert.deepEqual(digest, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    }
  }
  assert.equal((await markOf(videoId, 1)).framesSoFar, frames)
  assert.deepEqual(
    started.map(({ node, generation }) => [node, generation]),
    [['n1', 1]],
  )
  assert.ok(beats.length > 0 && beats.every((beat) => JSON.stringify(beat).length < 1000))
  assert.deepEqual(
    { ...beats[0] },
    { doing: 'rendering', node: 'n1', generation: 1, chunk: 0, chunks: 2, step: 0, steps: 4, secondsLeft: null },
  )
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a render goes on after the last chunk in S3, and does nothing when all are there', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  const whole = await play(request).result
  const first = await markOf(videoId, 0)
  for (const key of [objectKeys.chunkMark(videoId, 1, 1), objectKeys.chunkSegment(videoId, 1, 1)])
    await store.removeAll(key)
  assert.deepEqual(await storedChunks(store, videoId), { lineage: [1], last: first })

  const second = play({ ...request, generation: 2 })
  const again = { lineage: [1, 2], frames: whole.frames }
  assert.deepEqual(await second.result, again)
  assert.equal(second.beats[0]?.doing, 'resuming')
  assert.ok(second.beats.every(({ chunk }, i) => i === 0 || chunk >= 1 || second.beats[i - 1]?.chunk === 0))
  assert.deepEqual(await markOf(videoId, 0), first)
  assert.equal((await markOf(videoId, 1, 2)).framesSoFar, whole.frames)

  const jobs = runner.ended.length
  assert.deepEqual(await play({ ...request, generation: 3 }).result, again)
  assert.equal(runner.ended.length, jobs)
})

test('a render cancelled by its workflow stops the ranks and leaves the node idle', async () => {
  const { environment, beats, result } = play(await aRequest('never ends'))
  await until('a step', () => beats.some(({ step }) => step > 0))
  environment.cancel()
  await assert.rejects(result, CancelledFailure)
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a render that leaves with its worker lets the ranks go on, and says how far they are', async () => {
  const request = await aRequest('never ends')
  const { environment, beats, result } = play(request)
  await until('a step', () => beats.some(({ step }) => step > 0))
  environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }))
  await assert.rejects(result, (error: unknown) => {
    failedWith('worker_lost')(error)
    assert.equal(((error as ApplicationFailure).details?.[0] as RenderProgress).chunks, 2)
    return true
  })
  const { state, job } = await runner.client.describe()
  assert.deepEqual([state, job?.jobId], ['BUSY', request.order.videoId])

  // The next worker takes it up where it is.
  const next = play(request, { attach: true, by: { followed: new FollowedJobs(), isLeaving: false } })
  await until('steps again', () => next.beats.some(({ doing, step }) => doing === 'rendering' && step > 0))
  assert.deepEqual(next.beats[0]?.doing, 'resuming')
  assert.deepEqual(
    next.started.map(({ node, generation }) => [node, generation]),
    [['n1', 1]],
  )
  next.environment.cancel()
  await assert.rejects(next.result, CancelledFailure)
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a render that is taken up again ends as it would have, with the chunks that S3 lacks', async () => {
  const request = slowly(await aRequest())
  const { videoId } = request.order
  const first = play(request)
  await until('a chunk in S3', async () => (await storedChunks(store, videoId)).lineage.length > 0)
  first.environment.cancel('NOT_FOUND', new ActivityCancellationDetails({ notFound: true }))
  await assert.rejects(first.result, failedWith('worker_lost'))
  const kept = await markOf(videoId, 0)

  const { lineage } = await play(request, { attach: true }).result
  assert.deepEqual(lineage, [1, 1])
  assert.deepEqual(await markOf(videoId, 0), kept)
  assert.equal((await runner.client.describe()).state, 'IDLE')
  // Everything is there, and the runner knows nothing of it any more.
  assert.deepEqual((await play(request, { attach: true }).result).lineage, [1, 1])
})

test('a job that the runner does not hold cannot be taken up', async () => {
  await assert.rejects(play(await aRequest(), { attach: true }).result, failedWith('runner_lost'))
})

test('who takes a render up takes it over from one that does not know yet that it was given up', async () => {
  const request = await aRequest('never ends')
  const old = play(request)
  await until('a step', () => old.beats.some(({ step }) => step > 0))
  const next = play(request, { attach: true })
  await assert.rejects(old.result, failedWith('worker_lost'))
  assert.equal((await runner.client.describe()).state, 'BUSY')
  next.environment.cancel()
  await assert.rejects(next.result, CancelledFailure)
})

test('a late writer of an older generation changes nothing', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  await play(request).result
  // Generation 2 began when only the first chunk was there, and has got to the second.
  await store.removeAll(objectKeys.chunkMark(videoId, 1, 1))
  const whole = await play({ ...request, generation: 2 }).result
  assert.deepEqual(whole.lineage, [1, 2])
  // Now the first is back and ends its second chunk, in other bytes and of another length.
  const other = { ...(await markOf(videoId, 1, 2)), frames: 1, framesSoFar: 1 }
  await store.put(objectKeys.chunkMark(videoId, 1, 1), JSON.stringify(other))
  await store.put(objectKeys.chunkSegment(videoId, 1, 1), 'other')
  await store.put(objectKeys.chunkState(videoId, 1, 1), 'other')
  assert.deepEqual(await chunksOf(store, videoId, 2), { lineage: [1, 2], last: await markOf(videoId, 1, 2) })
  assert.deepEqual((await storedChunks(store, videoId)).lineage, [1, 2])
})

test('a checkpoint that is not as it was made is not gone on from', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  await play(request).result
  const key = objectKeys.chunkState(videoId, 1, 1)
  const state = await store.read(key)
  assert.ok(state)
  await store.put(key, state.subarray(0, -1))
  assert.deepEqual((await storedChunks(store, videoId)).lineage, [1])
  await store.removeAll(objectKeys.chunkState(videoId, 0, 1))
  assert.deepEqual((await storedChunks(store, videoId)).lineage, [])
})

test('a node that is left after its chunk hands over what it has finished, and is idle', async () => {
  const leaving = { followed: new FollowedJobs(), isLeaving: true }
  const request = slowly(await aRequest())
  const { videoId } = request.order
  const left = play(request, { by: leaving })
  await until('a step', () => left.beats.some(({ step }) => step > 0))
  await runner.client.abort({ jobId: videoId, generation: 1 }, { afterChunk: true })
  await assert.rejects(left.result, failedWith('node_drained'))
  assert.equal((await runner.client.describe()).state, 'IDLE')
  const { lineage } = await storedChunks(store, videoId)
  assert.ok(lineage.length > 0)
  assert.deepEqual((await play({ ...request, generation: 2 }).result).lineage.length, 2)
})

test('a node that renders another video is busy, and its video goes on', async () => {
  const other = play(await aRequest('never ends'))
  await until('a step', () => other.beats.some(({ step }) => step > 0))
  await assert.rejects(play(await aRequest()).result, failedWith('runner_busy'))
  assert.equal((await runner.client.describe()).state, 'BUSY')
  other.environment.cancel()
  await assert.rejects(other.result, CancelledFailure)
})

test('an order that the ranks refuse fails with their words', async () => {
  await assert.rejects(play(await aRequest('is refused')).result, failedWith('voice_silent', /voice 1 is silent/))
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a checkpoint that the ranks refuse costs its chunks, not the video', async () => {
  const request = await aRequest('is refused')
  const { videoId } = request.order
  await play({ ...request, order: { ...(await aRequest()).order, videoId } }).result
  await store.removeAll(objectKeys.chunkMark(videoId, 1, 1))

  await assert.rejects(play({ ...request, generation: 2 }).result, failedWith('checkpoint_refused'))
  assert.deepEqual((await storedChunks(store, videoId)).lineage, [])
  assert.equal((await runner.client.describe()).state, 'IDLE')
  // From the first chunk on there is no checkpoint that could be to blame.
  await assert.rejects(play({ ...request, generation: 3 }).result, failedWith('voice_silent'))
})

test('a storage that is away for a while costs no chunk', async () => {
  const request = await aRequest()
  let refusals = 3
  const flaky = new Proxy(store, {
    get(target, name) {
      if (name === 'upload' && refusals-- > 0) return () => Promise.reject(new StorageAway(new Error('no answer')))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  assert.deepEqual((await play(request, { from: flaky }).result).lineage, [1, 1])
})

test('a rank that throws fails the render with its own message', async () => {
  await assert.rejects(
    play(await aRequest('rank 1 throws')).result,
    failedWith('rank_failed', /rank 1: the third block of rank 1 fell over/),
  )
  await untilIdle(runner.client)
})

test('a job that its node could not go on with is let go of, for the next video', async () => {
  const request = await aRequest('rank 1 dies once, then is refused')
  await assert.rejects(play(request).result, failedWith('node_failed'))
  assert.equal((await runner.client.describe()).job, null)
  await untilIdle(runner.client)
})
