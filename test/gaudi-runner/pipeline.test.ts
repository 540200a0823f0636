import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { descendantsOf } from '../../gaudi-runner/ranks/process-family.js'
import {
  type Artifact,
  connectRunner,
  type JobRef,
  type RunnerClient,
} from '../../gaudi-runner/client/runner-client.js'
import { aFile, alive, anOrder, eventsOf, until } from '../support/runner/local-runner.js'
import { inFolder, startRunnerProcess } from '../support/runner/runner-process.js'
import { smallInputs } from '../support/runner/small-inputs.js'
import { testStack } from '../support/test-stack.js'

/** Two chunks of a small picture. */
const small = { prompt: 'a person talks', frames: 100, width: 128, height: 128, steps: 2 }

test('the real ranks render two chunks, resume at the second alike, leave a job that is gone, and end with a killed runner', async () =>
  inFolder(async (dir) => {
    await using runner = await startRunnerProcess(dir, process.env.PYTHON_PATH ?? testStack().pythonPath)
    await using client = connectRunner(runner.address)
    await until('ready ranks', async () => (await client.describe()).state === 'IDLE', 180_000)
    const { model, ranks, speeds } = await client.describe()
    assert.deepEqual([model, ranks, speeds.length > 0], ['InfiniteTalk-demo', 2, true])
    const files = await smallInputs(4)

    const whole = { jobId: 'video_whole', generation: 1 }
    await client.submit(anOrder({ ...small, ...whole }), files)
    const chunks = await chunksOf(client, whole)
    assert.deepEqual(
      chunks.map(({ index, frames }) => [index, frames]),
      [
        [0, 81],
        [1, 19],
      ],
    )
    const [first, second] = chunks
    assert.ok(first && second)
    const video = await bytesOf(client, whole, first.segment)
    assert.equal(video.subarray(4, 8).toString(), 'ftyp')
    const state = await bytesOf(client, whole, first.state)
    await client.release(whole)

    const rest = { jobId: 'video_rest', generation: 1 }
    await client.submit(anOrder({ ...small, ...rest, firstChunk: 1 }), [...files, aFile('CHECKPOINT', state)])
    const [resumed] = await chunksOf(client, rest)
    assert.equal(resumed?.segment?.sha256, second.segment.sha256, 'the same bytes, however they came about')
    await client.release(rest)

    const wrong = { jobId: 'video_wrong', generation: 1 }
    await client.submit(anOrder({ ...small, ...wrong, fps: 60, speed: 2 }), files)
    const refused = (await eventsOf(client, wrong)).at(-1)
    assert.ok(refused?.event === 'failed' && refused.failed.code === 'order_refused', JSON.stringify(refused))
    assert.match(refused.failed.detail, /has unknown \['speed'\]/)
    await client.release(wrong)

    const endless = { jobId: 'video_endless', generation: 1 }
    await client.submit(anOrder({ ...small, ...endless, width: 384, height: 384, steps: 100 }), files)
    assert.equal((await client.abort(endless)).state, 'ABORTED')
    await client.release(endless)
    const gone = { jobId: 'video_gone', generation: 1 }
    await client.submit(anOrder({ ...small, ...gone, width: 384, height: 384, steps: 100 }), files)
    await until('progress', async () => (await client.submit(anOrder(gone), [])).lastSequence > 1)
    await rm(join(dir, 'jobs'), { recursive: true, maxRetries: 20 })
    const last = (await eventsOf(client, gone)).at(-1)
    assert.ok(last?.event === 'failed' && last.failed.code === 'node_failed', JSON.stringify(last))
    assert.equal(last.failed.detail, "the job's reference is gone from this node")
    await client.release(gone)
    const { state: next, rankRestarts } = await client.describe()
    assert.deepEqual([next, rankRestarts], ['IDLE', 0])

    await client.submit(anOrder({ ...small, ...endless, generation: 2, width: 384, height: 384, steps: 100 }), files)
    const family = (await descendantsOf(runner.child.pid ?? 0)).map(({ pid }) => pid)
    assert.ok(family.length >= 2, 'two ranks')
    runner.child.kill('SIGKILL')
    await once(runner.child, 'exit')
    await until('the end of all ranks', async () => (await alive(family)).length === 0)
  }))

async function chunksOf(client: RunnerClient, job: JobRef) {
  const events = await eventsOf(client, job)
  const last = events.at(-1)
  assert.equal(last?.event, 'finished', JSON.stringify(last))
  return events.flatMap((event) => {
    if (event.event !== 'chunk') return []
    const { segment, state, ...rest } = event.chunk
    assert.ok(segment && state)
    return [{ ...rest, segment, state }]
  })
}

/** Checked by the client against the announced digest. */
async function bytesOf(client: RunnerClient, job: JobRef, artifact: Artifact): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of client.fetch(job, artifact)) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  assert.equal(createHash('sha256').update(bytes).digest('hex'), artifact.sha256)
  return bytes
}
