import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
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
import type { Order } from '../../workflows/order.js'
import type { Prepared } from '../../workflows/video/video-activities.js'
import { testStack } from '../support/test-stack.js'
import { anAcceptedOrder, type OrderChanges } from '../support/an-order.js'

const { ffmpegPath, s3 } = testStack()
const store = await connectObjectStore(s3)
const folder = await mkdtemp(join(tmpdir(), 'prepare-test-'))
after(async () => {
  await store[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** 2.5 s of sound at 44.1 kHz in stereo, and 3 s of a video at an uneven rate with odd sides. */
async function anOrder(videoId: string, changes: OrderChanges = {}): Promise<Order> {
  const order = anAcceptedOrder(videoId, changes)
  const voice = join(folder, 'voice.flac')
  await ffmpeg('-f', 'lavfi', '-i', 'sine=f=300:r=44100:d=2.5', '-ac', '2', voice)
  order.voices = order.voices.map((each) => ({ ...each, samples: 40_000 }))
  await store.upload(order.voices[0]?.key ?? '', createReadStream(voice))
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
const prepared = (order: Order): Promise<Prepared> => new MockActivityEnvironment().run(prepare, order)

test('a voice becomes a 16 kHz mono WAV of exactly the samples that were counted', async () => {
  const order = await anOrder('video_1700000000_prepareaaa')
  const { voices, reference } = await prepared(order)
  assert.deepEqual(reference, { kind: 'picture', key: order.reference.key, bytes: 10, sha256: 'ab' })
  const wav = await store.read(voices[0]?.key ?? '')
  assert.ok(wav)
  assert.equal(wav.length, 44 + 80_000)
  assert.deepEqual(
    [wav.toString('latin1', 0, 4), wav.readUInt32LE(4), wav.readUInt32LE(24), wav.readUInt32LE(40)],
    ['RIFF', 80_036, 16_000, 80_000],
  )
  const sha256 = createHash('sha256').update(wav).digest('hex')
  assert.deepEqual(voices, [{ key: objectKeys.preparedVoice(order.videoId, 0), bytes: wav.length, sha256 }])
  assert.deepEqual((await prepared(order)).voices, voices)

  await new MockActivityEnvironment().run(remove, order.videoId)
  for await (const { key } of store.list(objectKeys.video(order.videoId))) assert.fail(`${key} is still there`)
  await new MockActivityEnvironment().run(remove, order.videoId)
})

test('a reference video gets a constant rate, even sides, and no more frames than are rendered', async () => {
  const key = 'videos/video_1700000000_preparebbb/input/r.mkv'
  const reference = { ...anAcceptedOrder('').reference, key, kind: 'video' as const, width: 160, height: 120 }
  const order = await anOrder('video_1700000000_preparebbb', { fps: 24, reference })
  const made = (await prepared(order)).reference
  assert.deepEqual([made.kind, made.key], ['video', objectKeys.preparedReference(order.videoId, 'mp4')])
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

test('a voice that is not as long as it was counted, or no sound at all, leaves no WAV', async () => {
  const order = await anOrder('video_1700000000_prepareccc')
  const key = objectKeys.preparedVoice(order.videoId, 0)
  const longer = { ...order, voices: order.voices.map((voice) => ({ ...voice, samples: 40_001 })) }
  await assert.rejects(prepared(longer), { type: 'bad_output', message: /40000 samples, but 40001 were counted/ })
  await store.put(order.voices[0]?.key ?? '', '#EXTM3U\n')
  await assert.rejects(prepared(order), { type: 'voice_unreadable', message: 'voice 1 could not be decoded' })
  assert.equal(await store.head(key), undefined)
})
