import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createPrepareActivities } from '../../activities/media/prepare.js'
import { createRemoveActivities } from '../../activities/removal/remove.js'
import { runFfmpeg } from '../../infra/ffmpeg/ffmpeg.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { pino } from 'pino'
import { orderFrames } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order, StoredFile } from '../../workflows/order.js'
import { testStack } from '../support/test-stack.js'
import { anAcceptedOrder, type OrderChanges } from '../support/api/an-order.js'

const { ffmpegPath, s3 } = testStack()
const store = await connectObjectStore(s3)
const folder = await mkdtemp(join(tmpdir(), 'prepare-test-'))
after(async () => {
  await store[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const film = (videoId: string): Order['reference'] => ({
  ...anAcceptedOrder('').reference,
  key: `videos/${videoId}/input/r.mkv`,
  kind: 'video',
})

/** 3 s of a video at an uneven rate with odd sides. */
async function anOrder(videoId: string, changes: OrderChanges = {}): Promise<Order> {
  const order = anAcceptedOrder(videoId, changes)
  order.voices = order.voices.map((each) => ({ ...each, samples: 40_000 }))
  const video = join(folder, 'reference.mkv')
  const uneven = 'testsrc=s=161x121:r=30:d=3,select=mod(n\\,3)'
  await ffmpeg('-f', 'lavfi', '-i', uneven, '-fps_mode', 'vfr', '-c:v', 'libx264', '-pix_fmt', 'yuv444p', video)
  await store.upload(order.reference.key, createReadStream(video))
  return order
}

/** What ffmpeg says of a video in the store and of its frames. */
async function framesOf(key: string): Promise<string> {
  const path = await store.readUrl(key, 60)
  let lines = ''
  await runFfmpeg({
    ffmpegPath,
    timeoutMs: 60_000,
    args: ['-i', path, '-fps_mode', 'passthrough', '-f', 'framecrc', 'pipe:1'],
    stdout: (piece) => void (lines += piece.toString()),
  })
  return lines
}

const ffmpeg = (...args: string[]) => runFfmpeg({ ffmpegPath, timeoutMs: 60_000, args: ['-y', ...args] })
const { prepare } = createPrepareActivities({ store, ffmpegPath })
const { remove } = createRemoveActivities({ store, log: pino({ level: 'silent' }) })
const prepared = (order: Order): Promise<StoredFile> => new MockActivityEnvironment().run(prepare, order)

test('a reference video gets a constant rate, even sides, and no more frames than are rendered', async () => {
  const videoId = 'video_1700000000_preparebbb'
  const order = await anOrder(videoId, { fps: 24, reference: { ...film(videoId), width: 160, height: 120 } })
  const made = await prepared(order)
  assert.equal(made.key, objectKeys.preparedReference(videoId, 'mp4'))
  const lines = await framesOf(made.key)
  assert.match(lines, /#dimensions 0: 160x120/)
  assert.match(lines, /#tb 0: 1\/24\n/)
  const times = lines
    .split('\n')
    .filter((line) => line.startsWith('0,'))
    .map((line) => Number(line.split(',')[2]))
  assert.deepEqual(
    times,
    Array.from({ length: orderFrames(order) }, (_, i) => i),
  )
})

test('what was made of a film is removed with its video, and what is no film leaves nothing', async () => {
  const order = await anOrder('video_1700000000_prepareccc', { reference: film('video_1700000000_prepareccc') })
  await prepared(order)
  await new MockActivityEnvironment().run(remove, order.videoId)
  for await (const { key } of store.list(objectKeys.video(order.videoId))) assert.fail(`${key} is still there`)
  await new MockActivityEnvironment().run(remove, order.videoId)

  await store.put(order.reference.key, '#EXTM3U\n')
  await assert.rejects(prepared(order), { type: 'reference_unreadable', message: /could not be decoded/ })
  assert.equal((await store.get(objectKeys.preparedReference(order.videoId, 'mp4'))).kind, 'missing')
})
