import { Context } from '@temporalio/activity'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../../activities/worker/activity-failure.js'
import { askWorkflow, believedOn } from '../../activities/node/ask-workflow.js'
import { progressPercent } from '../../api/videos/present-video.js'
import { VideoReader } from '../../api/videos/video-reader.js'
import type { VideoMemo } from '../../workflows/video.js'
import type { AttachRequest } from '../../workflows/video/video-activities.js'
import { until } from '../support/until.js'
import { openStage, type StagedVideo } from '../support/video/video-stage.js'
import { progressAt, untilCancelled } from '../support/video/video-stories.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())

const rendered = { lineage: [1, 1], frames: 100 }

/** A promise, and what resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

const codes = ({ attempts }: VideoMemo) => attempts?.newest.map(({ code }) => code) ?? []

test('a render whose worker leaves is taken up again on its node, and progress is kept meanwhile', async () => {
  const requests: (AttachRequest & { queue: string })[] = []
  const { opened, open } = gate()
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      await video.tellStarted(generation)
      throw failure('worker_lost', 'the node worker left its render', { progress: progressAt(1, 1, 5) })
    },
    async attach(request) {
      requests.push({ ...request, queue: Context.current().info.taskQueue })
      await opened
      await video.tellStarted(request.generation)
      return rendered
    },
  })
  const memo = await video.reached('processing')
  while ((await video.memo()).progressFloor === undefined) await sleep(20)
  assert.equal((await video.memo()).progressFloor, 75)
  open()
  const done = await video.reached('completed')
  assert.deepEqual(
    requests.map(({ generation, queue }) => [generation, queue]),
    [[1, 'gaudi-n1']],
  )
  assert.equal(done.generation, 1)
  assert.equal(done.startedAt, memo.startedAt)
  assert.deepEqual(done.attempts?.count, 1)
  const [{ at = 0, ...attempt } = {}] = done.attempts?.newest ?? []
  assert.ok(at > 0)
  assert.deepEqual(attempt, {
    ...{ code: 'worker_lost', detail: 'the node worker left its render', generation: 1, node: 'n1', chunk: 1, step: 5 },
  })
  await video.remove()
})

test('a worker that is back at its render is believed at once: nobody waits for the old one to be missed', async () => {
  const generations: string[] = []
  const hold = gate()
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      generations.push(`render ${generation}`)
      await video.tellStarted(generation)
      await hold.opened // its worker is gone: it says nothing any more
      return { lineage: [9, 9], frames: 1 }
    },
    async attach({ generation }) {
      generations.push(`attach ${generation}`)
      await video.tellStarted(generation)
      return rendered
    },
    async assemble(_order, { lineage }) {
      assert.deepEqual(lineage, rendered.lineage)
      return { bytes: 1000, sha256: 'cd', frames: 100, seconds: 4 }
    },
  })
  await video.reached('processing')
  const { client } = stage.temporal
  const here = () => believedOn(client, 'n1')()
  await until('Temporal’s list to have it', async () => (await here()).length > 0)
  assert.deepEqual(await here(), [{ jobId: video.id, generation: 1 }])
  assert.deepEqual(await believedOn(client, 'n2')(), [])
  assert.equal(await video.tellBack(1, 'n1', progressAt(1, 1, 0)), true)
  const memo = await video.reached('completed')
  assert.deepEqual(generations, ['render 1', 'attach 1'])
  assert.deepEqual(codes(memo), ['worker_lost'])
  assert.equal(await video.tellBack(1), false) // nothing is rendered any more
  hold.open()
  await video.remove()
})

test('of workers that were lost one after the other the one that had come furthest is told on', async () => {
  const hold = gate()
  let begun = 0
  const lostAt = async (chunk: number, step: number) => {
    await video.tellStarted(1)
    Context.current().heartbeat(progressAt(1, chunk, step))
    begun++
    await hold.opened
    return rendered
  }
  const video: StagedVideo = await stage.start({
    render: () => lostAt(0, 5),
    attach: () => (begun === 1 ? lostAt(1, 5) : lostAt(1, 0)),
  })
  const { client } = stage.temporal
  const askAsBack = async () => assert.ok(await askWorkflow(client, 'n1')({ jobId: video.id, generation: 1 }))
  const told = async () => {
    const { memo, progress } = await new VideoReader(client).read(video.id)
    return progressPercent(memo, progress)
  }
  for (const percent of [25, 75, 75]) {
    const before = begun
    if (before > 0) await askAsBack()
    await until('the next one', () => begun > before)
    await until(`${percent} %`, async () => (await told()) >= percent)
    assert.equal(await told(), percent)
  }
  assert.deepEqual([begun, (await video.memo()).progressFloor], [3, 75])
  hold.open()
  await video.reached('completed')
  await video.remove()
})

test('a node that takes its render up and is not heard of stands still: the video goes elsewhere; one that is heard of is asked again', async () => {
  const hold = gate()
  const play = (done: string[], video: () => StagedVideo, meanwhile: () => Promise<unknown>) => ({
    async render({ generation }: AttachRequest) {
      done.push(`render ${generation}`)
      if (generation > 1) return rendered
      await video().tellStarted(generation)
      await hold.opened
      return rendered
    },
    async attach({ generation }: AttachRequest) {
      done.push(`attach ${generation}`)
      if (done.length > 2) return rendered
      await meanwhile() // then silence, for its ten seconds
      await hold.opened
      return rendered
    },
  })
  const [ofFrozen, ofHeard, ofBeating]: [string[], string[], string[]] = [[], [], []]
  const frozen: StagedVideo = await stage.start(
    play(
      ofFrozen,
      () => frozen,
      async () => {},
    ),
  )
  const heard: StagedVideo = await stage.start(
    play(
      ofHeard,
      () => heard,
      () => heard.tellBack(1),
    ),
  )
  const beating: StagedVideo = await stage.start(
    play(
      ofBeating,
      () => beating,
      async () => Context.current().heartbeat(progressAt(1, 1, 0)), // its word that it has started is held up on the way
    ),
  )
  const videos = [frozen, heard, beating]
  for (const video of videos) {
    await video.reached('processing')
    assert.equal(await video.tellBack(1), true)
  }
  const memos = await Promise.all(videos.map((video) => video.reached('completed')))
  assert.deepEqual(ofFrozen, ['render 1', 'attach 1', 'render 2'])
  for (const done of [ofHeard, ofBeating]) assert.deepEqual(done, ['render 1', 'attach 1', 'attach 1'])
  for (const memo of memos) assert.deepEqual(codes(memo), ['worker_lost', 'worker_lost'])
  hold.open()
  for (const video of videos) await video.remove()
})

test('a node that left in good order is given a restart’s time to take its render up again, and no more', async () => {
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      await video.tellStarted(generation, 'gone')
      throw failure('worker_lost', 'the node worker left its render', { progress: progressAt(1, 0, 5) })
    },
  })
  while (codes(await video.memo()).length < 1) await sleep(20)
  const { raw } = await video.handle.describe()
  assert.equal(raw.pendingActivities?.[0]?.activityType?.name, 'attach')
  const { events } = await video.handle.fetchHistory()
  const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: attributes }) => attributes ?? [])
  const { taskQueue, scheduleToStartTimeout } = scheduled.at(-1) ?? {}
  assert.equal(taskQueue?.name, 'gaudi-gone')
  assert.equal(Number(scheduleToStartTimeout?.seconds), 40)
  assert.equal((await video.cancel()).phase, 'cancelled')
  await video.remove()
})

test('a runner that holds the job no more costs a new generation', async () => {
  const generations: number[] = []
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      generations.push(generation)
      await video.tellStarted(generation)
      if (generation === 1) throw failure('worker_lost', 'gone', { progress: progressAt(1, 0, 5) })
      return rendered
    },
    async attach() {
      throw failure('runner_lost', 'job is not held here', { progress: progressAt(1, 0, 0) })
    },
  })
  const memo = await video.reached('completed')
  assert.deepEqual(generations, [1, 2])
  assert.deepEqual(codes(memo), ['worker_lost', 'runner_lost'])
  await video.remove()
})

test('a node that comes back before another has begun goes on; one that comes back later is a stranger', async () => {
  const generations: string[] = []
  const queued = gate()
  const video: StagedVideo = await stage.start({
    async render({ generation }) {
      generations.push(`render ${generation}`)
      if (generation === 1) {
        await video.tellStarted(1)
        throw failure('runner_lost', 'away', { progress: progressAt(1, 0, 5) })
      }
      if (generation === 2) {
        queued.open() // on its way to a node: it has not said that it has begun
        return await untilCancelled()
      }
      await video.tellStarted(generation, 'n2')
      return await untilCancelled()
    },
    async attach({ generation }) {
      generations.push(`attach ${generation}`)
      await video.tellStarted(generation)
      throw failure('runner_lost', 'away again', { progress: progressAt(1, 0, 6) })
    },
  })
  await queued.opened
  assert.equal(await video.tellBack(1), true)
  while (!generations.includes('render 3')) await sleep(20)
  while ((await video.memo()).node !== 'n2') await sleep(20)
  assert.deepEqual(generations, ['render 1', 'render 2', 'attach 1', 'render 3'])
  assert.equal(await video.tellBack(1), false)
  assert.equal(await video.tellBack(2), false)
  assert.equal((await video.cancel()).phase, 'cancelled')
  assert.equal(await video.tellBack(3), false)
  await video.remove()
})
