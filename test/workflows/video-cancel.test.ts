import { WorkflowUpdateFailedError } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../../activities/worker/activity-failure.js'
import { cancelRefused } from '../../workflows/names.js'
import { openStage, type StagedVideo } from '../support/video/video-stage.js'
import { untilCancelled } from '../support/video/video-stories.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())

const rendered = { lineage: [1, 1], frames: 100 }

async function assertRefused(video: StagedVideo): Promise<void> {
  await assert.rejects(video.cancel(), (error: unknown) => {
    assert.ok(error instanceof WorkflowUpdateFailedError)
    assert.ok(error.cause instanceof ApplicationFailure)
    assert.equal(error.cause.type, cancelRefused)
    return true
  })
}

test('a video that is rendered is cancelled once the ranks have left, however often it is asked', async () => {
  const order: string[] = []
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      try {
        return await untilCancelled()
      } finally {
        await sleep(200) // the ranks leave
        order.push('render ended')
      }
    },
    async removeMade() {
      order.push('removed what was made')
    },
    async remove() {
      order.push('removed')
    },
  })
  await video.reached('processing')
  const answers = await Promise.all([video.cancel(), video.cancel(), video.cancel()])
  for (const memo of answers) assert.deepEqual(memo, await video.memo())
  assert.deepEqual(order, ['render ended', 'removed what was made'])
  const memo = await video.cancel()
  assert.equal(memo.phase, 'cancelled')
  assert.deepEqual(memo.error, { code: 'cancelled', detail: 'the video was cancelled' })
  assert.equal(memo.node, undefined)
  assert.equal(memo.expiresAt, (memo.endedAt ?? 0) + 3_600_000)
  await video.remove()
  assert.deepEqual(order.at(-1), 'removed')
})

test('a queued video is cancelled at once', async () => {
  const video = await stage.start({ prepare: untilCancelled })
  assert.equal((await video.cancel()).phase, 'cancelled')
  assert.equal((await video.memo()).phase, 'cancelled')
  await video.remove()
})

test('a video is cancelled while its file is assembled, and the file is not kept', async () => {
  let assembling = () => {}
  const assembled = new Promise<void>((resolve) => {
    assembling = resolve
  })
  let cleared = 0
  const video = await stage.start({
    async assemble() {
      assembling()
      await sleep(300) // does not listen: it is done when it is cancelled
      return { bytes: 1, sha256: 'ab', frames: 1, seconds: 1 }
    },
    async removeMade() {
      cleared++
    },
  })
  await assembled
  const memo = await video.cancel()
  assert.equal(memo.phase, 'cancelled')
  assert.equal(memo.file, undefined)
  assert.equal((await video.memo()).phase, 'cancelled')
  assert.equal(cleared, 1)
  await video.remove()
})

test('a video that waits to be rendered again is cancelled, and no render begins any more', async () => {
  const generations: number[] = []
  const video = await stage.start({
    async render({ generation }) {
      generations.push(generation)
      throw failure('runner_busy', 'held')
    },
  })
  while (generations.length < 3) await sleep(20) // the next comes after a pause
  assert.equal((await video.cancel()).phase, 'cancelled')
  const begun = generations.length
  await sleep(2500)
  assert.equal(generations.length, begun)
  await video.remove()
})

test('a cancelled video whose node does not answer is cancelled all the same, and can be deleted', async () => {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const video = await stage.start({
    async render() {
      await video.tellStarted(1)
      await left
      return rendered
    },
  })
  await video.reached('processing')
  assert.equal((await video.cancel()).phase, 'cancelled')
  const removal = video.remove()
  leave()
  assert.equal((await removal).phase, 'cancelled')
})

test('what is over is not cancelled', async () => {
  const completed = await stage.start({})
  await completed.reached('completed')
  await assertRefused(completed)
  assert.equal((await completed.memo()).phase, 'completed')
  await completed.remove()

  const failed = await stage.start({
    async prepare() {
      throw failure('voice_unreadable', 'voice 1 could not be decoded')
    },
  })
  await failed.reached('failed')
  await assertRefused(failed)
  await failed.remove()
})

test('a cancelled video expires as others do', async () => {
  const removed: string[] = []
  const video = await stage.start(
    {
      prepare: untilCancelled,
      async remove(videoId) {
        removed.push(videoId)
      },
    },
    { retentionMs: 200 },
  )
  await video.cancel()
  await video.handle.result()
  assert.deepEqual(removed, [video.id])
})

// `rendered` is an answer that comes too late: nothing is made of it.
test('a render that ends well in the moment of the cancellation is not assembled', async () => {
  let assembled = 0
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
    async assemble() {
      assembled++
      return { bytes: 1, sha256: 'ab', frames: 1, seconds: 1 }
    },
  })
  await video.reached('processing')
  const cancelling = video.cancel()
  await video.reached('cancelled') // or the render's end may overtake the request
  finish()
  const told = await cancelling
  assert.equal(told.phase, 'cancelled')
  assert.equal(assembled, 0)
  assert.deepEqual(await video.memo(), told)
  await video.remove()
})
