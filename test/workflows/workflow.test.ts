import { Context } from '@temporalio/activity'
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../../activities/worker/activity-failure.js'
import { deleteRefused, searchAttributes } from '../../workflows/names.js'
import type { RenderProgress } from '../../workflows/progress.js'
import type { RenderRequest } from '../../workflows/video/video-activities.js'
import { anAcceptedOrder } from '../support/api/an-order.js'
import { openStage, type StagedVideo } from '../support/video/video-stage.js'
import { untilCancelled } from '../support/video/video-stories.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())

const rendered = { lineage: [1, 1], frames: 100 }

function progressAt(chunk: number, step: number, generation = 1): RenderProgress {
  return { doing: 'rendering', node: 'n1', generation, chunk, chunks: 2, step, steps: 10, secondsLeft: null }
}

/** The search attributes and the memo must tell the same. */
async function assertInStep(video: StagedVideo): Promise<void> {
  const { searchAttributes: attributes } = await video.handle.describe()
  assert.deepEqual(attributes[searchAttributes.phase], [(await video.memo()).phase])
  assert.ok(attributes[searchAttributes.changedAt]?.[0] instanceof Date)
}

test('a video is prepared, rendered, assembled, kept, and gone once it is deleted', async () => {
  const removed: string[] = []
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      return rendered
    },
    async remove(videoId) {
      removed.push(videoId)
    },
  })
  const memo = await video.reached('completed')
  await assertInStep(video)
  assert.equal(memo.generation, 1)
  assert.ok(memo.startedAt !== undefined && memo.endedAt !== undefined && memo.endedAt >= memo.startedAt)
  assert.equal(memo.expiresAt, memo.endedAt + 3_600_000)
  assert.deepEqual(memo.file, { bytes: 1000, sha256: 'cd', frames: 100, seconds: 4 })
  assert.equal(memo.seconds, 4)

  assert.deepEqual(await video.remove(), memo)
  assert.equal((await video.handle.describe()).status.name, 'COMPLETED')
  assert.deepEqual(removed, [video.id])
  await assert.rejects(video.remove(), WorkflowNotFoundError)
})

test('each end of a video is counted once, however often its history is replayed', async () => {
  const counts = async () => {
    const text = await stage.registry.metrics()
    return [
      'phase="completed"',
      'phase="failed"',
      'phase="cancelled"',
      'code="voice_unreadable"',
      'code="internal"',
    ].map((series) => Number(new RegExp(`${series}\\} (\\d+)`).exec(text)?.[1]))
  }
  const before = await counts()
  const completed = await stage.start({})
  const failed = await stage.start({ prepare: () => Promise.reject(failure('voice_unreadable', 'not a voice')) })
  const cancelled = await stage.start({ render: untilCancelled })
  await completed.reached('completed')
  await failed.reached('failed')
  await cancelled.cancel()
  await stage.unattended(() => Promise.resolve())
  for (const video of [completed, failed, cancelled]) await video.remove()
  const after = await counts()
  assert.deepEqual(
    after.map((count, index) => count - (before[index] ?? 0)),
    [1, 1, 1, 1, 0],
  )
})

test('what the client did wrong fails the video at once, with the words that it was given', async () => {
  let tries = 0
  const video = await stage.start({
    async prepare() {
      tries++
      throw failure('voice_unreadable', 'voice 1 could not be decoded')
    },
  })
  const memo = await video.reached('failed')
  assert.deepEqual(memo.error, { code: 'voice_unreadable', detail: 'voice 1 could not be decoded' })
  assert.equal(tries, 1)
  await assertInStep(video)
  await video.remove()
})

test('a node that is lost twice costs two renders: the third goes on at once, first in the queue, and progress never falls', async () => {
  const requests: (RenderRequest & { priority: number | undefined })[] = []
  const floors: (number | undefined)[] = []
  const video = await stage.start({
    async render(request) {
      requests.push({ ...request, priority: Context.current().info.priority?.priorityKey })
      floors.push((await video.memo()).progressFloor)
      await video.tellStarted(request.generation, `n${request.generation}`)
      if (request.generation === 1) throw failure('runner_lost', 'away', { progress: progressAt(1, 2) })
      if (request.generation === 2) throw failure('runner_busy', 'held', { progress: progressAt(0, 0, 2) })
      return rendered
    },
  })
  const memo = await video.reached('completed')
  assert.deepEqual(
    requests.map(({ generation, priority }) => [generation, priority]),
    [
      [1, undefined],
      [2, 1],
      [3, 1],
    ],
  )
  assert.deepEqual(floors, [undefined, 60, 60])
  assert.equal(memo.generation, 3)
  assert.equal(memo.node, undefined)
  await video.remove()
})

test('a fault of ours is tried three times, then the video fails', async () => {
  let tries = 0
  const video = await stage.start({
    async render({ generation }) {
      tries++
      await video.tellStarted(generation)
      throw failure('internal', 'undefined is not a function')
    },
  })
  const memo = await video.reached('failed')
  assert.deepEqual(memo.error, { code: 'internal', detail: 'undefined is not a function' })
  assert.equal(tries, 3)
  await video.remove()
})

test('a film is made ready before its video waits for a node; a picture is not, nor is it waited for', async () => {
  const made = { key: 'made', bytes: 5, sha256: 'ef' }
  const rendering = () => {
    const asked: RenderRequest[] = []
    const render = async (request: RenderRequest) => {
      asked.push(request)
      return rendered
    }
    return { asked, render }
  }
  const [film, picture] = [rendering(), rendering()]
  const ofFilm = await stage.start({ prepare: async () => made, render: film.render })
  const ofPicture = await stage.start({ render: picture.render })
  for (const video of [ofFilm, ofPicture]) await video.reached('completed')
  assert.deepEqual(film.asked[0]?.reference, { kind: 'video', ...made })
  const { kind, key, bytes, sha256 } = anAcceptedOrder(ofPicture.id).reference
  assert.deepEqual(picture.asked[0]?.reference, { kind, key, bytes, sha256 })
  const { events } = await ofPicture.handle.fetchHistory()
  const activities = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)
  assert.deepEqual(
    activities.filter((name) => name),
    ['render', 'assemble'],
  )
  for (const video of [ofFilm, ofPicture]) await video.remove()
})

test('a storage that is away while a video is prepared is waited for', async () => {
  let tries = 0
  const video = await stage.start({
    async prepare({ reference: { key, bytes, sha256 } }) {
      tries++
      if (tries < 3) throw failure('storage_away', 'no answer')
      return { key, bytes, sha256 }
    },
  })
  await video.reached('completed')
  assert.equal(tries, 3)
  await video.remove()
})

test('a queued video is deleted with what waits for it, and two requests find one deletion', async () => {
  const removed: string[] = []
  const video = await stage.start({
    prepare: untilCancelled,
    async remove(videoId) {
      removed.push(videoId)
    },
  })
  const [one, two] = await Promise.all([video.remove(), video.remove()])
  assert.equal(one.phase, 'queued')
  assert.deepEqual(two, one)
  assert.deepEqual(removed, [video.id])
  assert.equal((await video.handle.describe()).status.name, 'COMPLETED')
})

test('nothing is removed before the render that a deletion stops has ended', async () => {
  const order: string[] = []
  let began = () => {}
  const beginning = new Promise<void>((resolve) => {
    began = resolve
  })
  const video = await stage.start({
    async render() {
      began()
      try {
        return await untilCancelled()
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 200)) // the ranks stop
        order.push('render ended')
      }
    },
    async remove() {
      order.push('removed')
    },
  })
  await beginning
  await video.remove()
  assert.deepEqual(order, ['render ended', 'removed'])
})

test('a video that is being processed is not deleted, and goes on', async () => {
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      await finished
      return rendered
    },
  })
  const memo = await video.reached('processing')
  assert.equal(memo.node, 'n1')
  await assert.rejects(video.remove(), (error: unknown) => {
    assert.ok(error instanceof WorkflowUpdateFailedError)
    assert.ok(error.cause instanceof ApplicationFailure)
    assert.equal(error.cause.type, deleteRefused)
    return true
  })
  finish()
  await video.reached('completed')
  await video.remove()
})

test('a video that nobody deletes expires', async () => {
  const removed: string[] = []
  const video = await stage.start(
    {
      async remove(videoId) {
        removed.push(videoId)
      },
    },
    { retentionMs: 200 },
  )
  await video.handle.result()
  assert.deepEqual(removed, [video.id])
})

test('what the API last told of a video that is cancelled stays told', async () => {
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      return await untilCancelled()
    },
  })
  await video.reached('processing')
  assert.equal((await video.cancel(42)).progressFloor, 42)
  await video.remove()
})

test('a video whose time runs out while no worker is there expires once one is back', async () => {
  const removed: string[] = []
  const video = await stage.start(
    {
      async remove(videoId) {
        removed.push(videoId)
      },
    },
    { retentionMs: 5_000 },
  )
  const { expiresAt = 0 } = await video.reached('completed')
  await stage.unattended(async () => {
    await sleep(expiresAt - Date.now() + 500)
    assert.equal((await video.handle.describe()).status.name, 'RUNNING')
    assert.deepEqual(removed, [])
  })
  await video.handle.result()
  assert.deepEqual(removed, [video.id])
})

test('a cancel request stops the render and leaves a video that says so', async () => {
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      return await untilCancelled()
    },
  })
  await video.reached('processing')
  await video.handle.cancel()
  const memo = await video.reached('cancelled')
  assert.equal(memo.error?.code, 'cancelled')
  await video.remove()
})

test('what is said of an earlier render changes nothing', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const video = await stage.start({
    async render({ generation }) {
      if (generation === 1) throw failure('runner_lost', 'away')
      await video.tellStarted(1, 'late')
      await video.tellStarted(2, 'n2')
      await released
      return rendered
    },
  })
  assert.equal((await video.reached('processing')).node, 'n2')
  release()
  await video.reached('completed')
  await video.remove()
})
