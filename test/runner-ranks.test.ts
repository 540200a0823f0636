import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunnerCallFailed } from '../gaudi-runner/runner-client.js'
import {
  alive,
  anOrder,
  eventsOf,
  type LocalRunner,
  startLocalRunner,
  twoFiles,
  until,
  untilIdle,
} from './local-runner.js'

const job = { jobId: 'video_1', generation: 1 }

/** Renders an order that breaks the ranks; returns what its watcher is told. */
async function failureOf({ client }: LocalRunner, prompt: string) {
  await untilIdle(client)
  await client.submit(anOrder({ prompt }), twoFiles())
  const last = (await eventsOf(client, job)).at(-1)
  assert.ok(last?.event === 'failed', `${prompt}: ${last?.event}`)
  return last.failed
}

/** The ranks that broke are gone, others are there, and they render the next generation. */
async function rendersAgain(runner: LocalRunner, brokenPids: number[]): Promise<void> {
  const { client } = runner
  await until('new ranks', async () => (await client.describe()).state === 'BUSY')
  assert.equal((await client.describe()).rankRestarts, 1)
  await until('the end of the old ranks', async () => (await alive(brokenPids)).length === 0)
  const again = { ...job, generation: 2 }
  await client.submit(anOrder(again), twoFiles())
  assert.equal((await eventsOf(client, again)).at(-1)?.event, 'finished')
}

test('a rank that throws fails the job in its own words, and the ranks come back', async () => {
  await using runner = await startLocalRunner()
  const failed = await failureOf(runner, 'rank 1 throws')
  assert.deepEqual(failed, { reason: 'ENGINE', rank: 1, message: 'the third block of rank 1 fell over' })
  await rendersAgain(runner, (await runner.pids()).slice(0, 3))
})

test('a rank that computes no number fails the job with that reason', async () => {
  await using runner = await startLocalRunner()
  const failed = await failureOf(runner, 'rank 1 is not a number')
  assert.deepEqual(failed, { reason: 'NOT_A_NUMBER', rank: 1, message: 'NaN after step 2' })
})

test('a rank that dies fails the job, and the ranks come back', async () => {
  await using runner = await startLocalRunner()
  const failed = await failureOf(runner, 'rank 1 dies')
  assert.deepEqual([failed.reason, failed.rank], ['RANK_DIED', 1])
  await rendersAgain(runner, (await runner.pids()).slice(0, 3))
})

test('a rank that stalls fails the job, and the ranks come back', async () => {
  await using runner = await startLocalRunner({ stallMs: 1500 })
  const failed = await failureOf(runner, 'rank 1 stalls')
  assert.deepEqual([failed.reason, failed.rank], ['RANK_STALLED', 1])
  await rendersAgain(runner, (await runner.pids()).slice(0, 3))
})

test('ranks that do not leave an aborted job are taken for stalled', async () => {
  await using runner = await startLocalRunner({ stallMs: 1500 })
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ prompt: 'ignores abort' }), twoFiles())
  assert.equal((await client.abort(job)).state, 'FAILED')
})

test('while the ranks are coming back, submissions are refused as not ready', async () => {
  await using runner = await startLocalRunner()
  const { client } = runner
  await failureOf(runner, 'rank 1 throws')
  assert.equal((await client.describe()).state, 'STARTING')
  await assert.rejects(
    client.submit(anOrder({ generation: 2 }), twoFiles()),
    (error) => error instanceof RunnerCallFailed && error.refusal === 'not-ready',
  )
})

test('a torchrun that was killed takes its ranks along and is started again', async () => {
  await using runner = await startLocalRunner()
  await untilIdle(runner.client)
  const [torchrun = 0, ...ranks] = await runner.pids()
  process.kill(torchrun, 'SIGKILL')
  await until('new ranks', async () => (await runner.client.describe()).rankRestarts === 1)
  await untilIdle(runner.client)
  assert.deepEqual(await alive([torchrun, ...ranks]), [])
})

test('ranks that cannot start are tried again, with a pause', async () => {
  await using runner = await startLocalRunner({ start: 'crash' })
  const { client } = runner
  await until('a second start', async () => (await client.describe()).rankRestarts >= 1)
  assert.equal((await client.describe()).state, 'STARTING')
  await sleep(300)
  assert.ok((await client.describe()).rankRestarts < 5)
})

test('ranks that refuse to start say why in the health, and are left alone for a while', async () => {
  await using runner = await startLocalRunner({ start: 'refused' })
  const told = /the ranks refuse to start: a shard is missing/
  await until('the refusal', () =>
    runner.health().then(
      () => false,
      (error: Error) => told.test(error.message),
    ),
  )
  await sleep(1500)
  await assert.rejects(runner.health(), told)
  const { state, rankRestarts } = await runner.client.describe()
  assert.deepEqual([state, rankRestarts], ['STARTING', 0])
})

test('ranks that never get ready are given up in time', async () => {
  await using runner = await startLocalRunner({ start: 'silent', startMs: 800 })
  await until('a restart', async () => (await runner.client.describe()).rankRestarts === 1)
})

test('no process is left after a stop, even of ranks that are deaf to SIGTERM and to a closed socket', async () => {
  let pids: number[] = []
  {
    await using runner = await startLocalRunner({ start: 'stubborn' })
    await untilIdle(runner.client)
    pids = await runner.pids()
    assert.equal((await alive(pids)).length, 3)
  }
  assert.deepEqual(await alive(pids), [])
})

test('whoever watches is told that the runner stops', async () => {
  const runner = await startLocalRunner()
  await untilIdle(runner.client)
  await runner.client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
  const watching = assert.rejects(
    eventsOf(runner.client, job),
    (error) => error instanceof RunnerCallFailed && error.status === 'UNAVAILABLE',
  )
  await until('progress', async () => (await runner.client.submit(anOrder(), [])).lastSequence > 0)
  await runner.stop()
  await watching
  await runner[Symbol.asyncDispose]()
})
