import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type ChunkMark, storedChunks } from '../activities/chunk-store.js'
import { createRenderActivities } from '../activities/render.js'
import { createRenderMetrics } from '../activities/render-metrics.js'
import { connectObjectStore, StorageAway } from '../infra/s3-object-store.js'
import type { ObjectStore } from '../infra/object-store.js'
import type { RenderStarted } from '../workflows/names.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { RenderProgress } from '../workflows/progress.js'
import type { Rendered, RenderRequest } from '../workflows/video-activities.js'
import { startLocalRunner, until, untilIdle } from './local-runner.js'
import { testStack } from './stack.js'
import { anAcceptedOrder } from './video-stage.js'

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
  order.voices = order.voices.map((voice) => ({ ...voice, samples: 153 * 640 }))
  const reference = { kind: 'picture' as const, ...(await stored(order.reference.key)) }
  return { order, prepared: { reference, voices: [await stored(objectKeys.preparedVoice(videoId, 0))] }, generation }
}

type Play = { environment: MockActivityEnvironment; beats: RenderProgress[]; started: RenderStarted[] }

function play(request: RenderRequest, { from = store }: { from?: ObjectStore } = {}) {
  const played: Play = { environment: new MockActivityEnvironment(), beats: [], started: [] }
  played.environment.on('heartbeat', (progress: RenderProgress) => played.beats.push(progress))
  const { render } = createRenderActivities({
    store: from,
    runner: runner.client,
    node: 'n1',
    signalStarted: async (_videoId, started) => void played.started.push(started),
    metrics: createRenderMetrics(new Registry()),
    log: pino({ level: 'silent' }),
  })
  const result: Promise<Rendered> = played.environment.run(render, request)
  return { ...played, result }
}

function failedWith(word: string, message?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ApplicationFailure, String(error))
    assert.equal(error.type, word)
    if (message) assert.match(error.message, message)
    return true
  }
}

async function markOf(videoId: string, chunk: number): Promise<ChunkMark> {
  return JSON.parse(String(await store.read(objectKeys.chunkMark(videoId, chunk)))) as ChunkMark
}

test('a render leaves every chunk in S3 as it was made, tells where it is, and leaves the node idle', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  const { result, beats, started } = play(request)
  const { chunks, frames } = await result
  assert.equal(chunks, 2)
  for (const chunk of [0, 1]) {
    const mark = await markOf(videoId, chunk)
    for (const [key, digest] of [
      [objectKeys.chunkSegment(videoId, chunk), mark.segment],
      [objectKeys.chunkState(videoId, chunk), mark.state],
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
    { node: 'n1', generation: 1, chunk: 0, chunks: 2, step: 0, steps: 4, secondsLeft: null },
  )
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a render goes on after the last chunk in S3, and does nothing when all are there', async () => {
  const request = await aRequest()
  const { videoId } = request.order
  const whole = await play(request).result
  const first = await markOf(videoId, 0)
  for (const key of [objectKeys.chunkMark(videoId, 1), objectKeys.chunkSegment(videoId, 1)]) await store.removeAll(key)
  assert.deepEqual(await storedChunks(store, videoId), { count: 1, last: first })

  const second = play({ ...request, generation: 2 })
  assert.deepEqual(await second.result, whole)
  assert.equal(second.beats[0]?.chunk, 0)
  assert.ok(second.beats.every(({ chunk }, i) => i === 0 || chunk >= 1 || second.beats[i - 1]?.chunk === 0))
  assert.deepEqual(await markOf(videoId, 0), first)
  assert.equal((await markOf(videoId, 1)).framesSoFar, whole.frames)

  const jobs = runner.ended.length
  assert.deepEqual(await play({ ...request, generation: 3 }).result, whole)
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
    failedWith('WorkerLost')(error)
    assert.equal(((error as ApplicationFailure).details?.[0] as RenderProgress).chunks, 2)
    return true
  })
  const { state, job } = await runner.client.describe()
  assert.deepEqual([state, job?.jobId], ['BUSY', request.order.videoId])
  const name = { jobId: request.order.videoId, generation: 1 }
  await runner.client.abort(name)
  await runner.client.release(name)
})

test('a node that renders another video is busy, and its video goes on', async () => {
  const other = play(await aRequest('never ends'))
  await until('a step', () => other.beats.some(({ step }) => step > 0))
  await assert.rejects(play(await aRequest()).result, failedWith('RunnerBusy'))
  assert.equal((await runner.client.describe()).state, 'BUSY')
  other.environment.cancel()
  await assert.rejects(other.result, CancelledFailure)
})

test('an order that the ranks refuse fails with their words', async () => {
  await assert.rejects(play(await aRequest('is refused')).result, failedWith('InvalidInput', /voice 1 is silent/))
  assert.equal((await runner.client.describe()).state, 'IDLE')
})

test('a checkpoint that the ranks refuse costs its chunks, not the video', async () => {
  const request = await aRequest('is refused')
  const { videoId } = request.order
  await play({ ...request, order: { ...(await aRequest()).order, videoId } }).result
  await store.removeAll(objectKeys.chunkMark(videoId, 1))

  await assert.rejects(play({ ...request, generation: 2 }).result, failedWith('CheckpointRefused'))
  assert.equal((await storedChunks(store, videoId)).count, 0)
  assert.equal((await runner.client.describe()).state, 'IDLE')
  // From the first chunk on there is no checkpoint that could be to blame.
  await assert.rejects(play({ ...request, generation: 3 }).result, failedWith('InvalidInput'))
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
  assert.equal((await play(request, { from: flaky }).result).chunks, 2)
})

test('a rank that throws fails the render with its own message', async () => {
  await assert.rejects(
    play(await aRequest('rank 1 throws')).result,
    failedWith('RankFailed', /rank 1: the third block of rank 1 fell over/),
  )
  await untilIdle(runner.client)
})
