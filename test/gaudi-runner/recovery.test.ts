import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { Generations } from '../../gaudi-runner/job/generations.js'
import { recoverJob } from '../../gaudi-runner/job/recover-job.js'
import {
  type JobRef,
  RunnerCallFailed,
  type RunnerClient,
  type RunnerEvent,
} from '../../gaudi-runner/client/runner-client.js'
import {
  aFile,
  anOrder,
  eventsOf,
  startLocalRunner,
  twoFiles,
  until,
  untilIdle,
} from '../support/runner/local-runner.js'
import { inFolder } from '../support/runner/runner-process.js'

const job = { jobId: 'video_1', generation: 1 }
const log = pino({ level: 'silent' })

/** Everything up to the first chunk. */
async function untilChunk(client: RunnerClient, name: JobRef): Promise<RunnerEvent[]> {
  const events: RunnerEvent[] = []
  for await (const event of client.watch(name, 0)) {
    events.push(event)
    if (event.event === 'chunk') break
  }
  return events
}

const kept = (events: RunnerEvent[]) => events.filter(({ event }) => event !== 'progress')
const last = (events: RunnerEvent[]) => events.at(-1)?.sequence ?? 0

test('a runner that was stopped goes on with its job, and is watched as if nothing had been', async () =>
  inFolder(async (dir) => {
    const [picture, voice] = [aFile('REFERENCE'), aFile('VOICE_1')]
    const before: RunnerEvent[] = []
    {
      await using runner = await startLocalRunner({ dir })
      await untilIdle(runner.client)
      await runner.client.submit(anOrder({ steps: 30 }), [picture, voice])
      before.push(...(await untilChunk(runner.client, job)))
      const watching = assert.rejects(
        eventsOf(runner.client, job),
        (error) =>
          error instanceof RunnerCallFailed && error.status === 'UNAVAILABLE' && error.code === 'runner_draining',
      )
      await until('a second chunk', async () => (await runner.client.submit(anOrder(), [])).lastSequence > last(before))
      await runner.stop()
      await watching
    }
    await using runner = await startLocalRunner({ dir })
    const { client } = runner
    const { state, job: held } = await client.describe()
    assert.deepEqual([state, held], ['BUSY', job], 'at once, while the ranks are still coming up')
    assert.equal((await client.submit(anOrder(), [])).state, 'RUNNING')
    const after = await eventsOf(client, job, last(before) + 1)
    assert.deepEqual(
      kept(after).map(({ event }) => event),
      ['interrupted', 'chunk', 'finished'],
    )
    const [, resumed] = after
    assert.ok(resumed?.event === 'progress' && resumed.progress.chunk === 1 && resumed.progress.step > 0)
    const all = await eventsOf(client, job)
    assert.deepEqual(kept(all), [...kept(before), ...kept(after)])
    assert.ok(all.every(({ sequence }, at) => at === 0 || sequence > (all[at - 1]?.sequence ?? 0)))
    for (const event of all) {
      if (event.event !== 'chunk' || !event.chunk.segment) continue
      let bytes = 0
      for await (const piece of client.fetch(job, event.chunk.segment)) bytes += piece.length
      assert.equal(bytes, picture.bytes + voice.bytes)
    }
    assert.deepEqual(runner.resumed, [['runner', 0]])
    await client.release(job)
    assert.deepEqual(await readdir(join(dir, 'jobs')), [])
  }))

test('an ended job, its artifacts and the fence outlive the runner', async () =>
  inFolder(async (dir) => {
    const second = { ...job, generation: 2 }
    {
      await using runner = await startLocalRunner({ dir })
      await untilIdle(runner.client)
      await runner.client.submit(anOrder(second), twoFiles())
      await eventsOf(runner.client, second)
    }
    {
      await using runner = await startLocalRunner({ dir })
      const { client } = runner
      assert.deepEqual(
        (await eventsOf(client, second)).map(({ event }) => event),
        ['chunk', 'chunk', 'finished'],
      )
      assert.equal((await client.abort(second)).state, 'FINISHED')
      assert.deepEqual(runner.ended, [], 'it was counted when it ended')
      await client.release(second)
    }
    await using runner = await startLocalRunner({ dir })
    await untilIdle(runner.client)
    await assert.rejects(
      runner.client.submit(anOrder(job), twoFiles()),
      (error) => error instanceof RunnerCallFailed && error.code === 'generation_fenced',
    )
  }))

test('a recovered job can be aborted before the ranks are up, and is given up when nobody watches it', async () =>
  inFolder(async (dir) => {
    const submitted = async (generation: number) => {
      await using runner = await startLocalRunner({ dir })
      await untilIdle(runner.client)
      await runner.client.submit(anOrder({ generation, prompt: 'never ends' }), twoFiles())
    }
    await submitted(1)
    {
      await using runner = await startLocalRunner({ dir })
      assert.equal((await runner.client.abort(job)).state, 'ABORTED')
      await runner.client.release(job)
      assert.equal((await runner.client.describe()).state, 'STARTING')
    }
    await submitted(2)
    await using runner = await startLocalRunner({ dir, orphanMs: 600 })
    assert.equal((await runner.client.describe()).state, 'BUSY')
    await untilIdle(runner.client)
    assert.deepEqual(await readdir(join(dir, 'jobs')), [])
    assert.deepEqual(runner.ended, ['ABORTED'])
  }))

test('an abort after the running chunk is not forgotten with the runner', async () =>
  inFolder(async (dir) => {
    {
      await using runner = await startLocalRunner({ dir })
      await untilIdle(runner.client)
      await runner.client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
      await runner.client.abort(job, { afterChunk: true })
    }
    await using runner = await startLocalRunner({ dir })
    assert.equal((await eventsOf(runner.client, job)).at(-1)?.event, 'aborted')
    assert.deepEqual(runner.ended, ['ABORTED'])
  }))

test('of what an earlier runner left, only one whole job is taken up', async (t) =>
  inFolder(async (dir) => {
    {
      await using runner = await startLocalRunner({ dir })
      await untilIdle(runner.client)
      await runner.client.submit(anOrder(), twoFiles())
      await eventsOf(runner.client, job)
    }
    const [name = ''] = await readdir(join(dir, 'jobs'))
    const whole = join(dir, 'whole')
    await cp(join(dir, 'jobs', name), whole, { recursive: true })
    const record = await readFile(join(whole, 'job.json'), 'utf8')
    const generations = new Generations(join(dir, 'generations.json'))
    generations.load(log)
    let tries = 0

    /** A folder with one copy of the job for each change to it; what is found, and what is left. */
    const recovered = async (...changes: ((folder: string) => Promise<unknown>)[]) => {
      const jobs = join(dir, `jobs-${tries++}`)
      for (const [at, change] of changes.entries()) {
        await mkdir(jobs, { recursive: true })
        await cp(whole, join(jobs, String(at)), { recursive: true })
        await change(join(jobs, String(at)))
      }
      const found = await recoverJob(jobs, generations, log)
      const left = await readdir(jobs)
      await rm(jobs, { recursive: true })
      return { generation: found?.name.generation, left }
    }
    const write = (text: string) => (folder: string) => writeFile(join(folder, 'job.json'), text)
    const untouched = async () => {}
    const newer = write(record.replace('"generation":1', '"generation":2'))

    await t.test('none, from a folder that is not there', async () => {
      assert.deepEqual(await recovered(), { generation: undefined, left: [] })
    })
    await t.test('a whole one', async () => {
      assert.deepEqual(await recovered(untouched), { generation: 1, left: ['0'] })
    })
    await t.test('the newer of two', async () => {
      assert.deepEqual(await recovered(untouched, newer), { generation: 2, left: ['1'] })
    })
    await t.test('none whose record is torn, wherever', async () => {
      const jobs = join(dir, 'jobs-torn')
      await cp(whole, join(jobs, 'job'), { recursive: true })
      for (let length = 0; length < record.length; length += 1) {
        await mkdir(join(jobs, 'job'), { recursive: true })
        await writeFile(join(jobs, 'job', 'job.json'), record.slice(0, length))
        assert.equal(await recoverJob(jobs, generations, log), undefined, `the first ${length} characters`)
        assert.deepEqual(await readdir(jobs), [])
      }
    })
    const damages: Record<string, (folder: string) => Promise<unknown>> = {
      'no record': (folder) => rm(join(folder, 'job.json')),
      'a record of a newer version': write(record.replace('"format":1', '"format":2')),
      'a record without a format': write(record.replace('"format":1,', '')),
      'an order that is not taken any more': write(record.replace('"preset":"quality"', '"preset":"../quality"')),
      'an input that is gone': (folder) => rm(join(folder, 'reference')),
      'an input that is shorter': (folder) => truncate(join(folder, 'voice-1.wav'), 10),
      'a segment of other bytes': (folder) => writeFile(join(folder, 'chunk-0001.mp4'), 'x'),
      'a state of other bytes': (folder) => writeFile(join(folder, 'chunk-0000.state'), 'stale 0'),
    }
    for (const [what, change] of Object.entries(damages)) {
      await t.test(`not: ${what}`, async () => {
        assert.deepEqual(await recovered(change), { generation: undefined, left: [] })
      })
    }
    await t.test('not an older generation than one already seen', async () => {
      generations.saw(job.jobId, 2)
      assert.deepEqual(await recovered(untouched), { generation: undefined, left: [] })
      assert.deepEqual(await recovered(newer), { generation: 2, left: ['0'] })
    })
    await t.test('a fence that is damaged is no reason to stand still', async () => {
      await writeFile(join(dir, 'generations.json'), '{"format":1,"newest":[["vid')
      generations.load(log)
      assert.equal(generations.newest(job.jobId), 0)
    })
    await t.test('a fence that a newer runner wrote is not gone beyond', async () => {
      await writeFile(join(dir, 'generations.json'), '{"format":2,"newest":{}}')
      assert.throws(() => generations.load(log), /generations\.json has format 2; this version knows formats up to 1/)
    })
  }))

test('a disk that takes no more refuses the job in words and keeps nothing of it', async (t) =>
  inFolder(async (dir) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', dir], { stdio: 'ignore' })
    } catch {
      return t.skip('a small disk can be mounted by root only')
    }
    try {
      await using runner = await startLocalRunner({ dir })
      const { client } = runner
      await untilIdle(client)
      const large = [aFile('REFERENCE', Buffer.alloc(3_000_000)), aFile('VOICE_1')]
      await assert.rejects(client.submit(anOrder(), large), (error) => {
        assert.ok(error instanceof RunnerCallFailed)
        assert.deepEqual([error.status, error.code], ['RESOURCE_EXHAUSTED', 'disk_full'])
        assert.match(error.message, /the disk of this node does not take the job: ENOSPC/)
        return true
      })
      assert.deepEqual(await readdir(join(dir, 'jobs')), [])
      assert.equal((await client.describe()).state, 'STARTING', 'another node should get it')
      await client.submit(anOrder(), twoFiles())
      assert.equal((await eventsOf(client, job)).at(-1)?.event, 'finished')
    } finally {
      execFileSync('umount', [dir])
    }
  }))
