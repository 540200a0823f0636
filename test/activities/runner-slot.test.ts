import { Metadata, status } from '@grpc/grpc-js'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { followJob } from '../../activities/render/follow-job.js'
import { FollowedJobs } from '../../activities/render/followed-jobs.js'
import { announcementOf } from '../../activities/node/node-announcement.js'
import { createRenderMetrics } from '../../activities/render/render-metrics.js'
import { RunnerSlot } from '../../activities/node/runner-slot.js'
import { OrphanJobs } from '../../activities/node/orphan-jobs.js'
import { type JobRef, RunnerCallFailed, type RunnerEvent } from '../../gaudi-runner/client/runner-client.js'
import { anOrder, startLocalRunner, twoFiles, until, untilIdle } from '../support/runner/local-runner.js'

const log = pino({ level: 'silent' })
const context = {} as Parameters<RunnerSlot['reserveSlot']>[0]
const job = { jobId: 'video_1', generation: 1 }

/** Whether the promise is settled after a while that is long for what it waits for. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), sleep(600, false)])
}

test('the slot of a node is granted once at a time, and only while its runner is idle', async (t) => {
  await using runner = await startLocalRunner()
  const { client } = runner
  let isWanted = async () => true
  const asked: JobRef[] = []
  const lost = { jobId: 'video_2', generation: 3 }
  let listed = 0
  const followed = new FollowedJobs()
  const orphans = new OrphanJobs({
    ...{ node: 'n1', runner: client, followed, log },
    metrics: createRenderMetrics(new Registry()),
    isWanted: async (job) => {
      asked.push(job)
      return await isWanted()
    },
    async believedHere() {
      listed++
      return [job, lost]
    },
  })
  let isDraining = false
  const slot = new RunnerSlot({ runner: client, orphans, isDraining: () => isDraining, log })
  const never = new AbortController().signal

  await t.test('not before the ranks are ready', async () => {
    using _follower = followed.follow(job)
    const first = slot.reserveSlot(context, never)
    assert.equal(await Promise.race([first.then(() => 'granted'), sleep(50, 'not yet')]), 'not yet')
    await first
    assert.equal((await client.describe()).state, 'IDLE')
  })

  await t.test('a render that should be here, and that nobody has, is told before the first of this worker', () => {
    assert.deepEqual(asked.splice(0), [lost])
  })

  await t.test('a second one waits for the first to be given back, and leaves when it is told to', async () => {
    const leave = new AbortController()
    const second = slot.reserveSlot(context, leave.signal)
    assert.equal(await settles(second), false)
    leave.abort(new Error('shutdown'))
    await assert.rejects(second, /shutdown/)
    const third = slot.reserveSlot(context, never)
    slot.releaseSlot()
    await third
    slot.releaseSlot()
    assert.equal(slot.tryReserveSlot(), null)
  })

  await t.test('not while the node is drained', async () => {
    isDraining = true
    const waiting = slot.reserveSlot(context, never)
    assert.equal(await settles(waiting), false)
    isDraining = false
    await waiting
    slot.releaseSlot()
  })

  await t.test(
    'a job that nobody follows goes on while nobody says what becomes of it, and while it is wanted',
    async (wanted) => {
      await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
      isWanted = () => Promise.reject(new Error('Temporal is away'))
      const granted = slot.reserveSlot(context, never)
      await until('two questions', () => asked.length === 2)
      isWanted = async () => true
      await until('an answer', () => asked.length === 3)
      assert.equal(await settles(granted), false)
      assert.equal((await client.describe()).state, 'BUSY')
      assert.equal(asked.length, 3) // it is not asked again and again

      await wanted.test('nobody is asked about one that an activity follows', async () => {
        using _follower = followed.follow(job)
        assert.equal(await settles(granted), false)
        assert.equal(asked.length, 3)
      })
      await client.abort(job)
      await client.release(job)
      await granted
      slot.releaseSlot()
    },
  )

  await t.test('a job that its video does not want from here is ended', async () => {
    isWanted = async () => false
    await client.submit(anOrder({ generation: 2, prompt: 'never ends' }), twoFiles())
    await slot.reserveSlot(context, never)
    assert.equal((await client.describe()).state, 'IDLE')
    slot.releaseSlot()
  })

  await t.test('not while the runner is away', async () => {
    assert.equal(listed, 1) // later it could only be a render of this worker's own
    await runner[Symbol.asyncDispose]()
    const leave = new AbortController()
    const waiting = slot.reserveSlot(context, leave.signal)
    assert.equal(await settles(waiting), false)
    leave.abort(new Error('shutdown'))
    await assert.rejects(waiting, /shutdown/)
  })
})

const away = () =>
  new RunnerCallFailed(
    'Watch',
    Object.assign(new Error('away'), { code: status.UNAVAILABLE, details: 'away', metadata: new Metadata() }),
  )
const step = (sequence: number): RunnerEvent => ({
  sequence,
  event: 'progress',
  progress: { chunk: 0, chunks: 1, step: sequence, steps: 9, secondsLeft: 1 },
})
const finished: RunnerEvent = { sequence: 4, event: 'finished', finished: { chunks: 1, frames: 5, renderSeconds: 1 } }

test('events go on after a broken connection where they stopped, each once', async () => {
  const asked: number[] = []
  const runner = {
    async *watch(_job: unknown, from: number): AsyncIterable<RunnerEvent> {
      asked.push(from)
      if (from === 0) yield* [step(1), step(2)]
      else yield* [step(3), finished]
      if (from === 0) throw away()
    },
  }
  const seen: number[] = []
  for await (const event of followJob(runner, job, { signal: new AbortController().signal })) seen.push(event.sequence)
  assert.deepEqual(
    [seen, asked],
    [
      [1, 2, 3, 4],
      [0, 3],
    ],
  )
})

test('a runner that stays away is lost', async () => {
  const runner = {
    async *watch(): AsyncIterable<RunnerEvent> {
      throw away()
    },
  }
  const follow = async () => {
    for await (const _ of followJob(runner, job, { signal: new AbortController().signal, lostAfterMs: 300 })) continue
  }
  await assert.rejects(follow(), { type: 'runner_lost', nonRetryable: false })
})

test('a node says of itself what its runner measured', async () => {
  await using runner = await startLocalRunner()
  await untilIdle(runner.client)
  const description = await runner.client.describe()
  const { at, ...said } = announcementOf('n1', description, false)
  assert.ok(at <= Date.now())
  const fixed = { node: 'n1', state: 'idle', engine: 'demo', model: 'Acted-demo', ranks: 2, renders: null }
  const measured = { presets: ['quality'], speeds: [{ tokens: 64, secondsPerForward: 0.01 }] }
  assert.deepEqual(said, { ...fixed, ...measured })
  assert.equal(announcementOf('n1', description, true).state, 'drained')
  assert.equal(announcementOf('n1', { ...description, job }, true).state, 'draining')
})
