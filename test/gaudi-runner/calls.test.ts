import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ChannelCredentials, type ServiceError, status } from '@grpc/grpc-js'
import { DamagedArtifact, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import { loadRunnerProto } from '../../gaudi-runner/contract/runner-proto.js'
import {
  aFile,
  anOrder,
  eventsOf,
  startLocalRunner,
  twoFiles,
  until,
  untilIdle,
} from '../support/runner/local-runner.js'

const job = { jobId: 'video_1', generation: 1 }
const other = { jobId: 'video_2', generation: 1 }
const MiB = 1024 * 1024

/** Matches a call that was refused so. */
function refused(status: string, code?: string) {
  return (error: unknown) => {
    assert.ok(error instanceof RunnerCallFailed, String(error))
    assert.deepEqual([error.status, error.code], [status, code], error.message)
    return true
  }
}

test('a runner renders one job after another', async (t) => {
  await using runner = await startLocalRunner()
  const { client } = runner
  const folders = () => readdir(join(runner.dir, 'jobs'))

  await t.test('it says that it is starting, then what it is', async () => {
    const starting = await client.describe()
    assert.deepEqual([starting.state, starting.engine, starting.model], ['STARTING', 'demo', ''])
    await assert.rejects(client.submit(anOrder(), twoFiles()), refused('FAILED_PRECONDITION', 'runner_not_ready'))
    await untilIdle(client)
    const fast = client.submit(anOrder({ preset: 'fast' }), twoFiles())
    await assert.rejects(fast, refused('FAILED_PRECONDITION', 'preset_not_offered'))
    assert.deepEqual(await folders(), [])
    assert.deepEqual(await client.describe(), {
      state: 'IDLE',
      engine: 'demo',
      model: 'Acted-demo',
      ranks: 2,
      device: 'cpu',
      versions: { ranks: 'acted', runner: '0.0.0' },
      speeds: [{ secondsPerForward: 0.01, tokensPerForward: 64 }],
      job: null,
      rankRestarts: 0,
      presets: ['quality'],
    })
  })

  await t.test('a job is submitted, watched, fetched and released', async () => {
    const [picture, voice] = [randomBytes(3 * MiB + 7), randomBytes(3000)]
    const submitted = await client.submit(anOrder(), [aFile('REFERENCE', picture), aFile('VOICE_1', voice)])
    assert.deepEqual(submitted, { ...job, state: 'RUNNING', lastSequence: 0 })
    const watched = await client.describe()
    assert.deepEqual([watched.state, watched.job], ['BUSY', job])

    const events = await eventsOf(client, job)
    assert.deepEqual(
      events.map(({ event }) => event).filter((event) => event !== 'progress'),
      ['chunk', 'chunk', 'finished'],
    )
    const secondsLeft = events.flatMap((event) => (event.event === 'progress' ? [event.progress.secondsLeft] : []))
    assert.ok(
      secondsLeft.every((seconds) => seconds === undefined || seconds === 1.5),
      'measured, or not there',
    )
    assert.ok(events.every(({ sequence }, at) => at === 0 || sequence > (events[at - 1]?.sequence ?? 0)))
    const first = events.find((event) => event.event === 'chunk')
    assert.ok(first?.event === 'chunk' && first.chunk.segment && first.chunk.state)
    const pieces: Buffer[] = []
    for await (const piece of client.fetch(job, first.chunk.segment)) pieces.push(piece)
    assert.ok(Buffer.concat(pieces).equals(Buffer.concat([picture, voice])))
    assert.ok(pieces.every(({ length }) => length <= MiB))

    await assert.rejects(async () => {
      for await (const _ of client.fetch(job, { name: 'chunk-0000.mp4', bytes: 1, sha256: '' })) continue
    }, DamagedArtifact)
    await assert.rejects(async () => {
      for await (const _ of client.fetch(job, { name: '../pids', bytes: 1, sha256: '' })) continue
    }, refused('NOT_FOUND'))

    // Answered from what is known, whether or not the sender is still sending.
    const large = [aFile('REFERENCE', randomBytes(20 * MiB)), aFile('VOICE_1')]
    assert.equal((await client.submit(anOrder(), [])).state, 'FINISHED')
    assert.equal((await client.submit(anOrder(), large)).state, 'FINISHED')
    await assert.rejects(client.submit(anOrder(other), large), refused('RESOURCE_EXHAUSTED', 'runner_busy'))
    assert.deepEqual((await client.describe()).speeds, [
      { secondsPerForward: 0.02, tokensPerForward: 64 },
      { secondsPerForward: 0.03, tokensPerForward: 128 },
    ])
    await client.release(job)
    await client.release(job)
    assert.deepEqual(await folders(), [])
    assert.equal((await client.describe()).state, 'IDLE')
    await assert.rejects(eventsOf(client, job), refused('NOT_FOUND'))
  })

  await t.test('several watch, each from where it was', async () => {
    await client.submit(anOrder(other), twoFiles())
    const [all, late] = await Promise.all([eventsOf(client, other), eventsOf(client, other, 5)])
    assert.equal(late[0]?.sequence, 5)
    const kept = all.filter(({ event }) => event !== 'progress')
    assert.deepEqual(
      late.filter(({ event }) => event !== 'progress'),
      kept.filter(({ sequence }) => sequence >= 5),
    )
    // Of an ended job's progress only the newest is left.
    const again = await eventsOf(client, other)
    assert.deepEqual(
      again.map(({ event }) => event),
      ['chunk', 'progress', 'chunk', 'finished'],
    )
    assert.deepEqual(await eventsOf(client, other, 1000), [])
    await client.release(other)
  })

  await t.test('an older generation is refused, a newer one takes the place of the held one', async () => {
    const second = { ...job, generation: 2 }
    await client.submit(anOrder({ ...second, prompt: 'never ends' }), twoFiles())
    await assert.rejects(client.submit(anOrder(job), twoFiles()), refused('FAILED_PRECONDITION', 'generation_fenced'))
    await assert.rejects(client.submit(anOrder(other), twoFiles()), refused('RESOURCE_EXHAUSTED', 'runner_busy'))
    await assert.rejects(client.release(second), refused('FAILED_PRECONDITION'))
    const watched = eventsOf(client, second)
    await until('progress', async () => (await client.submit(anOrder(second), [])).lastSequence > 0)

    const third = { ...job, generation: 3 }
    assert.equal((await client.submit(anOrder(third), twoFiles())).generation, 3)
    assert.equal((await watched).at(-1)?.event, 'aborted')
    assert.equal((await eventsOf(client, third)).at(-1)?.event, 'finished')
    await client.release(third)
    // The fence outlives the job.
    await assert.rejects(
      client.submit(anOrder(second), twoFiles()),
      refused('FAILED_PRECONDITION', 'generation_fenced'),
    )
    assert.deepEqual(await folders(), [])
  })

  await t.test('an abort ends the job and leaves the ranks free', async () => {
    const name = { jobId: 'video_3', generation: 1 }
    await client.submit(anOrder({ ...name, prompt: 'never ends' }), twoFiles())
    assert.equal((await client.abort(name)).state, 'ABORTED')
    assert.equal((await client.abort(name)).state, 'ABORTED')
    assert.equal((await eventsOf(client, name)).at(-1)?.event, 'aborted')
    await client.release(name)
    assert.equal((await client.abort(name)).state, 'ABORTED')
    assert.equal((await client.describe()).state, 'IDLE')
    assert.equal((await client.describe()).rankRestarts, 0)
  })

  await t.test('an abort after the running chunk lets that chunk be announced', async () => {
    const name = { jobId: 'video_6', generation: 1 }
    await client.submit(anOrder(name), twoFiles())
    assert.equal((await client.abort(name, { afterChunk: true })).state, 'RUNNING')
    const kept = (await eventsOf(client, name)).map(({ event }) => event).filter((event) => event !== 'progress')
    assert.deepEqual(kept, ['chunk', 'aborted'])
    await client.release(name)
    const gone = { ...name, state: 'ABORTED', lastSequence: 0 }
    assert.deepEqual(await client.abort(name, { afterChunk: true }), gone)
  })

  await t.test('input that the ranks refuse fails the job and leaves the ranks up', async () => {
    const name = { jobId: 'video_4', generation: 1 }
    await client.submit(anOrder({ ...name, prompt: 'is refused' }), twoFiles())
    const failed = (await eventsOf(client, name)).at(-1)
    assert.ok(failed?.event === 'failed')
    assert.deepEqual(failed.failed, { code: 'voice_silent', detail: 'voice 1 is silent', rank: 0 })
    await client.release(name)
    assert.equal((await client.describe()).rankRestarts, 0)
  })

  await t.test('a job resumes at a later chunk with its checkpoint', async () => {
    const name = { jobId: 'video_5', generation: 1 }
    await assert.rejects(client.submit(anOrder({ ...name, firstChunk: 1 }), twoFiles()), refused('INVALID_ARGUMENT'))
    await client.submit(anOrder({ ...name, firstChunk: 1 }), [...twoFiles(), aFile('CHECKPOINT')])
    const chunks = (await eventsOf(client, name)).filter(({ event }) => event === 'chunk')
    assert.equal(chunks.length, 1)
    await client.release(name)
  })

  assert.deepEqual(runner.ended, [
    'FINISHED',
    'FINISHED',
    'ABORTED',
    'FINISHED',
    'ABORTED',
    'ABORTED',
    'FAILED',
    'FINISHED',
  ])
})

test('a wrong or broken submission leaves nothing behind', async (t) => {
  await using runner = await startLocalRunner({ idleMs: 400 })
  const { client } = runner
  await untilIdle(client)
  const voice = aFile('VOICE_1')
  const wrong: Record<string, Parameters<typeof client.submit>> = {
    'an id that would be a path': [anOrder({ jobId: '../video' }), twoFiles()],
    'an empty id': [anOrder({ jobId: '' }), twoFiles()],
    'generation 0': [anOrder({ generation: 0 }), twoFiles()],
    'a preset that is no name': [anOrder({ preset: 'Fast!' }), twoFiles()],
    'a number that JSON does not have': [anOrder({ shift: Number.NaN }), twoFiles()],
    'settings that are too many': [anOrder({ prompt: 'x'.repeat(64 * 1024) }), twoFiles()],
    'no voice': [anOrder(), [aFile('REFERENCE')]],
    'no reference': [anOrder(), [voice]],
    'a voice sent twice': [anOrder(), [...twoFiles(), voice]],
    'a checkpoint that nothing asked for': [anOrder(), [...twoFiles(), aFile('CHECKPOINT')]],
    'another digest': [anOrder(), [aFile('REFERENCE'), { ...voice, sha256: '0'.repeat(64) }]],
    'a digest that is none': [anOrder(), [aFile('REFERENCE'), { ...voice, sha256: 'x' }]],
    'fewer bytes than announced': [anOrder(), [aFile('REFERENCE'), { ...voice, bytes: voice.bytes + 1 }]],
    'more bytes than announced': [anOrder(), [aFile('REFERENCE'), { ...voice, bytes: 5 }]],
    'an empty file': [anOrder(), [aFile('REFERENCE', Buffer.alloc(0)), voice]],
    'a reference that is too large': [anOrder(), [{ ...voice, role: 'REFERENCE', bytes: 2048 * MiB + 1 }]],
    'a voice that is too large': [anOrder(), [{ ...voice, bytes: 200_000_001 }]],
    'a checkpoint that is too large': [anOrder({ firstChunk: 1 }), [{ ...voice, role: 'CHECKPOINT', bytes: 65 * MiB }]],
  }
  const isClean = async () =>
    (await readdir(join(runner.dir, 'jobs'))).length === 0 && (await client.describe()).state === 'IDLE'

  for (const [what, submission] of Object.entries(wrong)) {
    await t.test(`refused: ${what}`, async () => {
      await assert.rejects(client.submit(...submission), refused('INVALID_ARGUMENT'))
      await until('a clean runner', isClean)
    })
  }

  const endless = {
    ...voice,
    bytes: 100 * MiB,
    async *open() {
      yield randomBytes(1000)
      await new Promise(() => {})
    },
  }
  await t.test('a sender that leaves halfway', async () => {
    const leaving = new AbortController()
    const submitting = client.submit(anOrder(), [endless], { signal: leaving.signal })
    await until('the arrival', async () => (await client.describe()).state === 'BUSY')
    await assert.rejects(client.submit(anOrder(other), twoFiles()), refused('RESOURCE_EXHAUSTED', 'runner_busy'))
    leaving.abort(new Error('gone'))
    await assert.rejects(submitting, /gone/)
    await until('a clean runner', isClean)
  })

  await t.test('a message of more than 1 MiB', async () => {
    const { Runner } = loadRunnerProto()
    const raw = new Runner(`127.0.0.1:${runner.port}`, ChannelCredentials.createInsecure())
    const refusal = await new Promise<ServiceError | null>((resolve) => {
      const call = raw.submit((error) => resolve(error))
      call.on('error', () => {})
      call.write({ order: anOrder() })
      call.write({ file: { role: 'REFERENCE', bytes: 2 * MiB, sha256: '0'.repeat(64) } })
      call.write({ data: Buffer.alloc(2 * MiB) })
      call.end()
    })
    raw.close()
    assert.equal(refusal?.code, status.RESOURCE_EXHAUSTED)
    await until('a clean runner', isClean)
  })

  await t.test('a sender that falls silent', async () => {
    await assert.rejects(client.submit(anOrder(), [endless]), refused('DEADLINE_EXCEEDED'))
    await until('a clean runner', isClean)
  })

  await t.test('a sender whose source fails', async () => {
    const failing = {
      ...voice,
      async *open() {
        yield randomBytes(10)
        throw new Error('the bucket is away')
      },
    }
    await assert.rejects(client.submit(anOrder(), [failing]), /the bucket is away/)
    await until('a clean runner', isClean)
  })

  await t.test('an older submission of the same job that is still arriving gives way', async () => {
    const first = client.submit(anOrder(), [endless])
    const firstEnded = assert.rejects(first, refused('ABORTED'))
    await until('the arrival', async () => (await client.describe()).state === 'BUSY')
    assert.equal((await client.submit(anOrder(), twoFiles())).state, 'RUNNING')
    await firstEnded
    assert.equal((await eventsOf(client, job)).at(-1)?.event, 'finished')
    await client.release(job)
    await until('a clean runner', isClean)
  })
})

test('a job that nobody watches is given up', async () => {
  await using runner = await startLocalRunner({ orphanMs: 600 })
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
  await until('the release', async () => (await client.describe()).state === 'IDLE')
  assert.deepEqual(runner.ended, ['ABORTED'])
  assert.deepEqual(await readdir(join(runner.dir, 'jobs')), [])
})

test('a clock that jumps by an hour, on and back, changes nothing', async (t) => {
  await using runner = await startLocalRunner({ stallMs: 3000, orphanMs: 60_000 })
  const { client } = runner
  await untilIdle(client)
  await client.submit(anOrder({ steps: 40 }), twoFiles())
  const now = Date.now.bind(Date)
  let aheadMs = 0
  t.mock.method(Date, 'now', () => now() + aheadMs)
  const told: string[] = []
  for await (const event of client.watch(job, 0, { deadlineMs: 60_000 })) {
    told.push(event.event)
    if (event.event !== 'progress' || event.progress.step % 10 !== 0) continue
    aheadMs = aheadMs > 0 ? -3_600_000 : 3_600_000
    assert.equal((await client.describe()).state, 'BUSY')
  }
  assert.deepEqual(
    told.filter((event) => event !== 'progress'),
    ['chunk', 'chunk', 'finished'],
  )
  assert.equal((await client.describe()).rankRestarts, 0)
})
