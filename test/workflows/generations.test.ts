import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { failure } from '../../activities/worker/activity-failure.js'
import { openStage, type StagedVideo } from '../support/video/video-stage.js'
import { progressAt } from '../support/video/video-stories.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())

test('ranks that break three times fail the video at once, with their own words', async () => {
  const generations: number[] = []
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      generations.push(generation)
      await video.tellStarted(generation)
      throw failure('out_of_memory', 'rank 1: out of memory', { progress: progressAt(1, 1, 2) })
    },
  })
  const memo = await video.reached('failed')
  assert.deepEqual(memo.error, { code: 'out_of_memory', detail: 'rank 1: out of memory' })
  assert.deepEqual(generations, [1])
  await video.remove()
})

test('a damaged chunk is rendered again, and the video is assembled of what is whole', async () => {
  const generations: number[] = []
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      generations.push(generation)
      await video.tellStarted(generation)
      return { lineage: [1, generation], frames: 100 }
    },
    async assemble(_order, { lineage }) {
      if (lineage[1] === 1) throw failure('chunk_damaged', 'chunk 1 is no longer in the storage as it was made')
      return { bytes: 1000, sha256: 'cd', frames: 100, seconds: 4 }
    },
  })
  await video.reached('completed')
  assert.deepEqual(generations, [1, 2])
  await video.remove()
})

test('what has interrupted a video is counted, and the newest are kept within 2 KB', async () => {
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      await video.tellStarted(generation)
      const broken = { node: 'n1', generation, at: Date.now(), code: 'rank_failed', detail: 'x'.repeat(1000), chunk: 0 }
      for (let step = 0; step < 7; step++) await video.handle.signal('renderInterrupted', { ...broken, step })
      return { lineage: [1, 1], frames: 100 }
    },
  })
  const { attempts } = await video.reached('completed')
  assert.equal(attempts?.count, 7)
  assert.deepEqual(
    attempts.newest.map(({ step }) => step),
    [2, 3, 4, 5, 6],
  )
  assert.ok(JSON.stringify(attempts).length < 2000)
  await video.remove()
})
