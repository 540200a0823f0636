import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import {
  alive,
  anOrder,
  eventsOf,
  type LocalRunner,
  startLocalRunner,
  twoFiles,
  until,
  untilIdle,
} from '../support/runner/local-runner.js'

const job = { jobId: 'video_1', generation: 1 }

/** Renders an order to its end; what its watcher is told, but for progress. */
async function tellsOf({ client }: LocalRunner, prompt: string) {
  await untilIdle(client)
  await client.submit(anOrder({ prompt }), twoFiles())
  const events = await eventsOf(client, job)
  const told = events.filter(({ event }) => event !== 'progress').map(({ event }) => event)
  const interrupted = events.flatMap((event) => (event.event === 'interrupted' ? [event.interrupted] : []))
  const last = events.at(-1)
  return { events, told, interrupted, failed: last?.event === 'failed' ? last.failed : undefined }
}

const finishedAfterOne = ['interrupted', 'chunk', 'chunk', 'finished']
const failedAfterThree = ['interrupted', 'interrupted', 'failed']

test('a rank that throws three times at the same step fails the job in its own words, and the ranks come back', async () => {
  await using runner = await startLocalRunner()
  const { client } = runner
  const { told, failed } = await tellsOf(runner, 'rank 1 throws')
  assert.deepEqual(told, failedAfterThree)
  assert.deepEqual(failed, { code: 'rank_failed', rank: 1, detail: 'the third block of rank 1 fell over' })
  await client.release(job)
  await untilIdle(client)
  assert.equal((await client.describe()).rankRestarts, 3)
  const pids = await runner.pids()
  assert.equal((await alive(pids)).length, 2)
  const again = { ...job, generation: 2 }
  await client.submit(anOrder(again), twoFiles())
  assert.equal((await eventsOf(client, again)).at(-1)?.event, 'finished')
})

test('a rank that dies costs one step: the job is rendered on by new ranks', async () => {
  await using runner = await startLocalRunner()
  const { told, interrupted, events } = await tellsOf(runner, 'rank 1 dies once')
  assert.deepEqual(told, finishedAfterOne)
  const [first] = interrupted
  assert.deepEqual([first?.code, first?.rank, first?.chunk, first?.step], ['rank_died', 1, 0, 1])
  const at = events.findIndex(({ event }) => event === 'interrupted')
  const next = events[at + 1]
  assert.ok(next?.event === 'progress')
  assert.deepEqual([next.progress.chunk, next.progress.step], [0, 1], 'the saved step, not the first')
  assert.deepEqual(runner.resumed, [['ranks', 0]])
})

test('a computation that gave no number counts like any failure of a rank', async () => {
  await using runner = await startLocalRunner()
  const { told, failed } = await tellsOf(runner, 'rank 1 is not a number')
  assert.deepEqual(told, failedAfterThree)
  assert.deepEqual(failed, { code: 'not_a_number', rank: 1, detail: 'NaN after step 2' })
})

test('a rank that stalls is named, and the job is rendered on', async () => {
  await using runner = await startLocalRunner({ stallMs: 1500 })
  const { told, interrupted } = await tellsOf(runner, 'rank 1 stalls once')
  assert.deepEqual(told, finishedAfterOne)
  assert.deepEqual([interrupted[0]?.code, interrupted[0]?.rank], ['rank_stalled', 1])
})

test('of ranks that all fall silent, the one that was stopped is to blame', async () => {
  await using runner = await startLocalRunner({ stallMs: 1500 })
  const { told, interrupted } = await tellsOf(runner, 'rank 1 is stopped once')
  assert.deepEqual(told, finishedAfterOne)
  assert.match(interrupted[0]?.detail ?? '', /^rank 1 was stopped: /)
})

test('ranks that show that they live, but get nowhere, are started again', async () => {
  await using runner = await startLocalRunner({ stallMs: 1000 })
  const { told, interrupted } = await tellsOf(runner, 'rank 1 hangs once')
  assert.deepEqual(told, finishedAfterOne)
  assert.match(interrupted[0]?.detail ?? '', /^no step was finished for \d+ s$/)
})

test('a full disk under the ranks ends the job as a fault of the node, which leaves the next job to others', async () => {
  await using runner = await startLocalRunner()
  const { told, failed } = await tellsOf(runner, 'rank 1 has no space')
  assert.deepEqual([told, failed?.code], [failedAfterThree, 'disk_full'])
  await runner.client.release(job)
  await sleep(1000) // the ranks are back by now
  assert.equal((await runner.client.describe()).state, 'STARTING')
})

test('input that was good at first is never called bad', async () => {
  await using runner = await startLocalRunner()
  const { told, failed } = await tellsOf(runner, 'rank 1 dies once, then is refused')
  assert.deepEqual([told, failed?.code], [['interrupted', 'failed'], 'node_failed'])
})

test('a job whose files are deleted underneath ends as a fault of the node, and the next one is rendered', async () => {
  await using runner = await startLocalRunner()
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
  await until('progress', async () => (await client.submit(anOrder(), [])).lastSequence > 0)
  // Again where a rank writes into it meanwhile.
  await rm(join(runner.dir, 'jobs'), { recursive: true, maxRetries: 5 })
  const last = (await eventsOf(client, job)).at(-1)
  assert.ok(last?.event === 'failed')
  assert.equal(last.failed.code, 'node_failed')
  assert.match(last.failed.detail, /^the job's reference is gone from this node/)
  await client.release(job)
  const isReady = () =>
    runner.health().then(
      () => true,
      () => false,
    )
  await until('new ranks', isReady)
  await client.submit(anOrder({ generation: 2 }), twoFiles())
  assert.equal((await eventsOf(client, { ...job, generation: 2 })).at(-1)?.event, 'finished')
})

test('an artifact that is gone is told as such, and ends a job that still runs', async () => {
  await using runner = await startLocalRunner()
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ steps: 40 }), twoFiles())
  for await (const event of client.watch(job, 0)) {
    if (event.event === 'chunk' && event.chunk.segment) {
      const [folder = ''] = await readdir(join(runner.dir, 'jobs'))
      await rm(join(runner.dir, 'jobs', folder, event.chunk.segment.name))
      const fetched = client.fetch(job, event.chunk.segment)[Symbol.asyncIterator]()
      await assert.rejects(fetched.next(), (error) => error instanceof RunnerCallFailed && error.status === 'NOT_FOUND')
    } else if (event.event !== 'progress') {
      assert.ok(event.event === 'failed' && event.failed.code === 'node_failed', event.event)
    }
  }
})

test('ranks that do not come up again end the job as a fault of the node', async () => {
  await using runner = await startLocalRunner({ start: 'once' })
  const { told, failed } = await tellsOf(runner, 'rank 1 dies once')
  assert.deepEqual([told, failed?.code], [['interrupted', 'failed'], 'node_failed'])
  assert.match(failed?.detail ?? '', /^the ranks do not come up: /)
})

test('while the ranks are coming back the job is held: watched, aborted, replaced by its newer generation', async () => {
  await using runner = await startLocalRunner()
  const { client } = runner
  await untilIdle(client)
  const broken = async (generation: number) => {
    await client.submit(anOrder({ generation, prompt: 'rank 1 dies once' }), twoFiles())
    for await (const { event } of client.watch({ ...job, generation }, 0)) if (event === 'interrupted') return
  }
  await broken(1)
  const { state, job: held } = await client.describe()
  assert.deepEqual([state, held], ['BUSY', job])
  await assert.rejects(
    client.submit(anOrder({ jobId: 'video_2' }), twoFiles()),
    (error) => error instanceof RunnerCallFailed && error.code === 'runner_busy',
  )
  const second = { ...job, generation: 2 }
  assert.equal((await client.submit(anOrder(second), twoFiles())).state, 'RUNNING')
  assert.equal((await eventsOf(client, second)).at(-1)?.event, 'finished')
  await client.release(second)

  await broken(3)
  assert.equal((await client.abort({ ...job, generation: 3 })).state, 'ABORTED')
  await client.release({ ...job, generation: 3 })
  assert.equal((await client.describe()).state, 'STARTING')
  await assert.rejects(
    client.submit(anOrder({ generation: 4 }), twoFiles()),
    (error) => error instanceof RunnerCallFailed && error.code === 'runner_not_ready',
  )
  await untilIdle(client)

  await broken(4)
  await client.abort({ ...job, generation: 4 }, { afterChunk: true })
  assert.equal((await eventsOf(client, { ...job, generation: 4 })).at(-1)?.event, 'aborted', 'no chunk is running')
})

test('ranks that do not leave an aborted job are taken for stalled', async () => {
  await using runner = await startLocalRunner({ stallMs: 1500 })
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ prompt: 'ignores abort' }), twoFiles())
  assert.equal((await client.abort(job)).state, 'ABORTED')
  await until('new ranks', async () => (await client.describe()).rankRestarts === 1)
})

test('a rank that was killed takes the others along, though no job runs, and new ones meet elsewhere', async () => {
  await using runner = await startLocalRunner()
  await untilIdle(runner.client)
  const ranks = await runner.pids()
  const [store = '', second] = await Promise.all(ranks.map(storeOf))
  assert.equal(store, second)
  process.kill(ranks[1] ?? 0, 'SIGKILL')
  await until('new ranks', async () => (await runner.client.describe()).rankRestarts === 1)
  await untilIdle(runner.client)
  assert.deepEqual(await alive(ranks), [])
  assert.equal(existsSync(dirname(store)), false, 'nothing of the first launch is left')
  const [, , ...started] = await runner.pids()
  for (const pid of started) assert.notEqual(await storeOf(pid), store)
})

/** Where a rank meets the others. */
async function storeOf(pid: number): Promise<string> {
  return /\0RANKS_STORE=([^\0]+)/.exec(await readFile(`/proc/${pid}/environ`, 'utf8'))?.[1] ?? ''
}

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
    assert.equal((await alive(pids)).length, 2)
  }
  assert.deepEqual(await alive(pids), [])
})
