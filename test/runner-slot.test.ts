import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { followJob } from '../activities/follow-job.js'
import { announcementOf } from '../activities/node-announcement.js'
import { RunnerSlot } from '../activities/runner-slot.js'
import { RunnerCallFailed, type RunnerEvent } from '../gaudi-runner/runner-client.js'
import { Metadata, status } from '@grpc/grpc-js'
import { anOrder, startLocalRunner, twoFiles, untilIdle } from './local-runner.js'

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
  let rendered = true
  const slot = new RunnerSlot({ runner: client, isRendered: async () => rendered, log })
  const never = new AbortController().signal

  await t.test('not before the ranks are ready', async () => {
    const first = slot.reserveSlot(context, never)
    assert.equal(await Promise.race([first.then(() => 'granted'), sleep(50, 'not yet')]), 'not yet')
    await first
    assert.equal((await client.describe()).state, 'IDLE')
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

  await t.test('a job of an earlier worker goes on while its render counts as running, and is ended then', async () => {
    await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
    const granted = slot.reserveSlot(context, never)
    assert.equal(await settles(granted), false)
    assert.equal((await client.describe()).state, 'BUSY')
    rendered = false
    await granted
    assert.equal((await client.describe()).state, 'IDLE')
    slot.releaseSlot()
  })

  await t.test('not while the runner is away', async () => {
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
  await assert.rejects(follow(), { type: 'RunnerLost', nonRetryable: false })
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
  assert.equal(announcementOf('n1', description, true).state, 'draining')
})
