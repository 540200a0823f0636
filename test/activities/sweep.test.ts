import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { sweep } from '../../activities/removal/sweep.js'
import { ensureSweepSchedule } from '../../activities/removal/ensure-sweep-schedule.js'
import { openVideos } from '../../activities/removal/open-videos.js'
import { sweepWorkflow } from '../../workflows/names.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { MemoryObjectStore } from '../support/faults/memory-object-store.js'
import { openStage } from '../support/video/video-stage.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())

const log = pino({ level: 'silent' })
const now = 1_800_000_000_000
const hourMs = 3_600_000

const ageHours = fc.integer({ min: 0, max: 400 })
const aVideo = fc.record({
  ageHours,
  life: fc.constantFrom('open', 'closed', 'nobody says'),
  parts: fc.subarray(['order.json', 'input/reference.png', 'chunks/0000.g1.mp4', 'chunks/0000.g1.json', 'output.mp4']),
  uploadHours: fc.option(ageHours),
})
const aBucket = fc.record({
  videos: fc.array(aVideo, { maxLength: 12 }),
  claims: fc.array(ageHours, { maxLength: 5 }),
  nodes: fc.array(ageHours, { maxLength: 5 }),
  strange: fc.subarray(['videos/', 'videos/x', 'videos/not_ours/a', 'other/thing.json', 'nodes/n1.drain']),
})

test('whatever lies in the bucket, a sweep removes what is left over and old, and touches nothing else', async () => {
  await using store = await MemoryObjectStore.start()
  await fc.assert(
    fc.asyncProperty(aBucket, async ({ videos, claims, nodes, strange }) => {
      store.objects.clear()
      store.modifiedAt.clear()
      store.left.length = 0
      const put = (key: string, hours: number) => {
        store.objects.set(key, Buffer.from('x'))
        store.modifiedAt.set(key, now - hours * hourMs)
      }
      const known = videos.map((video, i) => ({
        ...video,
        id: `video_${Math.floor((now - video.ageHours * hourMs) / 1000)}_aaaaaaaaa${'abcdefghijkl'.charAt(i)}`,
      }))
      for (const { id, parts, uploadHours, ageHours: hours } of known) {
        for (const part of parts) put(objectKeys.video(id) + part, hours)
        if (uploadHours === null) continue
        const startedAt = now - uploadHours * hourMs
        store.left.push({ key: `${objectKeys.video(id)}input/audio-1.wav`, uploadId: id, startedAt })
      }
      claims.forEach((hours, i) => put(objectKeys.claim(`c${i}`), hours))
      nodes.forEach((hours, i) => put(objectKeys.node(`n${i}`), hours))
      for (const key of strange) put(key, 10_000)
      const before = { keys: [...store.objects.keys()], left: [...store.left] }
      const goes = ({ life, ageHours: hours }: (typeof known)[number]) => life === 'closed' && hours >= 25
      const gone = new Set(known.filter(goes).map(({ id }) => id))
      const stays = (key: string): boolean => {
        const [folder, name = ''] = key.split('/')
        const hours = (now - (store.modifiedAt.get(key) ?? 0)) / hourMs
        if (folder === 'videos') return !gone.has(name)
        if (folder === 'claims') return hours < 24
        return folder !== 'nodes' || !key.endsWith('.json') || hours < 7 * 24
      }

      const swept = await sweep(
        {
          store,
          log,
          async isOpen(id) {
            const { life } = known.find((video) => video.id === id) ?? { life: 'closed' }
            if (life === 'nobody says') throw new Error('Temporal is away')
            return life === 'open'
          },
        },
        now,
      )
      assert.deepEqual([...store.objects.keys()].sort(), before.keys.filter(stays).sort())
      for (const upload of before.left) {
        const id = upload.uploadId
        const isOld = upload.startedAt <= now - 24 * hourMs
        if (!gone.has(id)) assert.ok(store.left.includes(upload), 'an upload of a video that may live')
        // That of a video whose objects went went with them.
        else if (isOld) assert.ok(!store.left.includes(upload))
      }
      assert.equal(swept.claims, claims.filter((hours) => hours >= 24).length)
      assert.equal(swept.nodes, nodes.filter((hours) => hours >= 7 * 24).length)
    }),
    { numRuns: 300 },
  )
})

test('the sweep is scheduled once, whoever starts, and its workflow tells what it removed', async () => {
  const { client } = stage.temporal
  await Promise.all([ensureSweepSchedule(client), ensureSweepSchedule(client)])
  await ensureSweepSchedule(client)
  const schedule = client.schedule.getHandle(sweepWorkflow)
  await schedule.trigger()
  for (;;) {
    const [action] = (await schedule.describe()).info.recentActions
    const id = action?.action.workflow.workflowId
    if (id === undefined) continue
    assert.deepEqual(await client.workflow.getHandle(id).result(), {
      ...{ videos: 1, objects: 2, uploads: 3, claims: 4, nodes: 5, unsure: 6 },
    })
    break
  }
  await schedule.delete()
})

test('a video exists from its start to its deletion', async () => {
  const isOpen = openVideos(stage.temporal.client)
  const video = await stage.start({})
  assert.equal(await isOpen(video.id), true)
  await video.reached('completed')
  assert.equal(await isOpen(video.id), true)
  await video.remove()
  assert.equal(await isOpen(video.id), false)
  assert.equal(await isOpen('video_1700000000_aaaaaaaaaa'), false)
})
