import { MockActivityEnvironment } from '@temporalio/testing'
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createAssembleActivities } from '../../activities/media/assemble.js'
import { runFfmpeg } from '../../infra/ffmpeg/ffmpeg.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { chunkPlan, orderFrames, renderFps } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order } from '../../workflows/order.js'
import type { VideoFile } from '../../workflows/video.js'
import type { Rendered } from '../../workflows/video/video-activities.js'
import { testStack } from '../support/test-stack.js'
import { anAcceptedOrder, type OrderChanges } from '../support/api/an-order.js'
import { floats, fmtChunk, riff, riffChunk } from '../support/media/wav-files.js'

const { ffmpegPath, s3 } = testStack()
const store = await connectObjectStore(s3)
const folder = await mkdtemp(join(tmpdir(), 'assemble-test-'))
after(async () => {
  await store[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const ffmpeg = (...args: string[]) => runFfmpeg({ ffmpegPath, timeoutMs: 60_000, args: ['-y', ...args] })
const size = { width: 320, height: 192 }
let videos = 0

/** Samples at 16 kHz of 7.4 s, which is a whole number of frames at few rates. */
const samples = 118_400

/** A beep of 40 ms at each whole second, at the rate and with the channels given. */
function beeps(rate: number, channels: number, seconds: number): string[] {
  const beep = `if(lt(mod(t,1),0.04),0.5*sin(2*PI*1000*t),0)`
  const expressions = Array.from({ length: channels }, () => beep).join('|')
  return ['-f', 'lavfi', '-i', `aevalsrc=exprs='${expressions}':s=${rate}:d=${seconds}`]
}

/** The chunks of two generations: the second went on after the first chunk. */
const makerOf = (chunk: number): number => (chunk === 0 ? 1 : 2)

/** An order whose chunks, white for one frame at each whole second, and beeping voices are in S3. */
async function anOrderWithChunks(changes: OrderChanges): Promise<{ order: Order; lineage: number[]; frames: number }> {
  videos++
  const videoId = `video_1700000000_assemb${String(videos).padStart(4, 'a')}`
  const order = anAcceptedOrder(videoId, { ...size, ...changes })
  order.voices = order.voices.map((voice, i) => ({ ...voice, samples, key: objectKeys.voice(videoId, i, 'wav') }))
  const fps = renderFps(order.parameters.fps)
  const frames = orderFrames(order)
  const { chunks } = chunkPlan(frames)
  for (let chunk = 0, from = 0; chunk < chunks; chunk++) {
    const count = Math.min(chunk === 0 ? 81 : 72, frames - from)
    const path = join(folder, 'chunk.mp4')
    const white = `geq=lum='if(eq(mod(N+${from},${fps}),0),235,16)':cb=128:cr=128`
    const source = `color=black:s=${size.width}x${size.height}:r=${fps},format=yuv420p,${white}`
    await ffmpeg('-f', 'lavfi', '-i', source, '-frames:v', String(count), '-c:v', 'libx264', '-bf', '0', path)
    const generation = makerOf(chunk)
    const segment = await store.upload(objectKeys.chunkSegment(videoId, chunk, generation), createReadStream(path))
    const mark = { format: 1, frames: count, framesSoFar: from + count, segment, state: { bytes: 0, sha256: '' } }
    await store.put(objectKeys.chunkMark(videoId, chunk, generation), JSON.stringify(mark))
    from += count
  }
  for (const [i, voice] of order.voices.entries()) {
    const path = join(folder, 'voice.wav')
    await ffmpeg(...beeps(i === 0 ? 44_100 : 48_000, i + 1, samples / 16_000), path)
    Object.assign(voice, await store.upload(voice.key, createReadStream(path)))
  }
  return { order, lineage: Array.from({ length: chunks }, (_, chunk) => makerOf(chunk)), frames }
}

type Assembled = { file: VideoFile; path: string }

async function assembled(order: Order, rendered: Rendered, closingClipPath = '/none'): Promise<Assembled> {
  const { assemble } = createAssembleActivities({ store, ffmpegPath, closingClipPath })
  const file: VideoFile = await new MockActivityEnvironment().run(assemble, order, rendered)
  const got = await store.get(objectKeys.output(order.videoId))
  assert.ok(got.kind === 'whole')
  const path = join(folder, 'output.mp4')
  await writeFile(path, got.body)
  assert.equal(file.bytes, got.bytes)
  return { file, path }
}

async function decoded(path: string, ...args: string[]): Promise<Buffer> {
  const pieces: Buffer[] = []
  const stdout = (piece: Buffer) => void pieces.push(piece)
  await runFfmpeg({ ffmpegPath, timeoutMs: 60_000, args: ['-i', path, ...args, 'pipe:1'], stdout })
  return Buffer.concat(pieces)
}

/** Seconds at which the picture turns white, from its own timestamps. */
async function flashes(path: string): Promise<number[]> {
  const lines = (await decoded(path, '-map', '0:v', '-fps_mode', 'passthrough', '-f', 'framecrc'))
    .toString()
    .split('\n')
  const [, num, den] = /^#tb 0: (\d+)\/(\d+)/m.exec(lines.join('\n')) ?? []
  const times = lines
    .filter((line) => line.startsWith('0,'))
    .map((line) => (Number(line.split(',')[2]) * Number(num)) / Number(den))
  const grey = await decoded(
    path,
    '-map',
    '0:v',
    '-fps_mode',
    'passthrough',
    '-vf',
    'scale=1:1,format=gray',
    '-f',
    'rawvideo',
  )
  assert.equal(grey.length, times.length)
  return times.filter((_, i) => (grey[i] ?? 0) > 128)
}

const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Seconds at which a beep begins: the sound's first rise after a tenth of silence. */
async function beginnings(path: string): Promise<number[]> {
  const raw = await decoded(path, '-map', '0:a', '-ac', '1', '-ar', '48000', '-f', 's16le')
  const found: number[] = []
  let quietSince = -4800
  for (let i = 0; i < raw.length / 2; i++) {
    if (Math.abs(raw.readInt16LE(i * 2)) < 1500) continue
    if (i - quietSince >= 4800) found.push(i / 48_000)
    quietSince = i
  }
  return found
}

for (const fps of [24, 25, 30]) {
  test(`at ${fps} frames per second every flash meets its beep within a millisecond`, async () => {
    const { order, ...rendered } = await anOrderWithChunks({ fps })
    const { file, path } = await assembled(order, rendered)
    assert.deepEqual([file.frames, file.seconds], [rendered.frames, rendered.frames / fps])
    assert.ok(Math.abs(samples / 16_000 - file.seconds) <= 1 / fps)
    const [seen, heard] = [await flashes(path), await beginnings(path)]
    assert.equal(seen.length, 8)
    assert.equal(heard.length, 8)
    const offsets = seen.map((at, i) => Math.abs(at - (heard[i] ?? 0)) * 1000)
    assert.ok(Math.max(...offsets) < 1, `offsets in ms: ${offsets.map((ms) => ms.toFixed(2)).join(' ')}`)
    const bytes = await readFile(path)
    assert.ok(bytes.indexOf('moov') < bytes.indexOf('mdat'), 'the index comes first')
  })
}

for (const fps of [8, 60]) {
  test(`at ${fps} frames per second the file has the frames of that rate and the length of the sound`, async () => {
    const { order, ...rendered } = await anOrderWithChunks({ fps })
    const { file } = await assembled(order, rendered)
    assert.equal(file.frames, Math.floor((samples * fps) / 16_000))
  })
}

test('two voices are heard one after the other or together, each at its own level', async () => {
  const voice = anAcceptedOrder('video_x').voices
  for (const [audio_type, beeps] of [
    ['add', 16],
    ['para', 8],
  ] as const) {
    const { order, ...rendered } = await anOrderWithChunks({ voices: [...voice, ...voice], audio_type })
    const { path } = await assembled(order, rendered)
    assert.equal((await beginnings(path)).length, beeps, audio_type)
    const raw = await decoded(path, '-map', '0:a', '-ac', '1', '-f', 's16le')
    let peak = 0
    for (let i = 0; i < raw.length; i += 2) peak = Math.max(peak, Math.abs(raw.readInt16LE(i)) / 32_768)
    // One voice peaks at 0.5; both at once, in phase, at 1, which the limiter holds below.
    if (audio_type === 'add') assert.ok(Math.abs(peak - 0.5) < 0.05, `peak ${peak}`)
    else assert.ok(peak > 0.9 && peak <= 1, `peak ${peak}`)
  }
})

test('a voice with a wrong header, in two files and with samples that are no numbers, is heard whole in the file', async () => {
  const half = (channels: number) => {
    const sound = Array.from(
      { length: (samples / 2) * channels },
      (_, i) => 0.3 * Math.sin(Math.floor(i / channels) / 8),
    )
    for (const [i, value] of [NaN, Infinity, -Infinity, 6, -6].entries()) sound[1000 + i] = value
    return riff([fmtChunk({ tag: 3, bits: 32, channels }), riffChunk('data', floats(sound), 0x7fff_ffff)])
  }
  const { order, ...rendered } = await anOrderWithChunks({})
  const [voice] = order.voices
  assert.ok(voice)
  const bytes = Buffer.concat([half(1), half(2)])
  Object.assign(voice, await store.upload(voice.key, Readable.from([bytes])))
  const { path } = await assembled(order, rendered)
  const raw = await decoded(path, '-map', '0:a', '-ac', '1', '-ar', '16000', '-f', 's16le')
  const loudness = (from: number, to: number) =>
    Math.sqrt(meanOf(Array.from({ length: to - from }, (_, i) => (raw.readInt16LE((from + i) * 2) / 32_768) ** 2)))
  // A sine of 0.3, from the first half to the last.
  for (const at of [0, 0.4, 0.6, 0.95]) {
    const from = Math.floor(at * samples) + 2_000
    assert.ok(Math.abs(loudness(from, from + 2_000) - 0.3 * Math.SQRT1_2) < 0.02, String(at))
  }
})

test('a voice that is not in the storage as it was sent makes no file', async () => {
  const { order, ...rendered } = await anOrderWithChunks({})
  const bytes = await store.read(order.voices[0]?.key ?? '', 2 ** 24)
  assert.ok(bytes)
  bytes[1000] = 1 ^ (bytes[1000] ?? 0)
  await store.put(order.voices[0]?.key ?? '', bytes)
  await assert.rejects(assembled(order, rendered), { type: 'internal', message: /as it was sent/ })
})

test('the closing clip follows, in the shape of the video, without sound', async () => {
  const closing = join(folder, 'closing.mp4')
  await ffmpeg('-f', 'lavfi', '-i', 'color=white:s=640x640:r=30:d=2', '-pix_fmt', 'yuv420p', closing)
  const { order, ...rendered } = await anOrderWithChunks({ logo_video: true })
  const { file, path } = await assembled(order, rendered, closing)
  assert.equal(file.frames, rendered.frames + 50)
  assert.equal((await flashes(path)).filter((at) => at >= rendered.frames / 25).length, 50)
  assert.equal((await beginnings(path)).length, 8)
})

test('chunks that are not what was rendered make no file', async () => {
  const { order, ...rendered } = await anOrderWithChunks({})
  await assert.rejects(assembled(order, { ...rendered, frames: rendered.frames - 1 }), { type: 'bad_output' })
  const key = (chunk: number) => objectKeys.chunkMark(order.videoId, chunk, 2)
  const segment = (chunk: number) => objectKeys.chunkSegment(order.videoId, chunk, 2)
  // Whole by its mark, and yet another one.
  const [mark, bytes] = [await store.read(key(2)), await store.read(segment(2))]
  assert.ok(mark && bytes)
  await store.put(segment(1), bytes)
  await store.put(key(1), mark)
  await assert.rejects(assembled(order, rendered), { type: 'bad_output', message: /frames instead of/ })
  assert.equal((await store.get(objectKeys.output(order.videoId))).kind, 'missing')
  assert.deepEqual(
    (await readdir(tmpdir())).filter((name) => name.startsWith(`text2video-media-${process.pid}-`)),
    [],
  )
})

for (const [what, harm] of [
  ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['changed', (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)))],
  ['gone', () => undefined],
] as const) {
  test(`a chunk that is ${what} in the storage is told, and no longer counts as rendered`, async () => {
    const { order, ...rendered } = await anOrderWithChunks({})
    const key = objectKeys.chunkSegment(order.videoId, 1, 2)
    const bytes = await store.read(key)
    assert.ok(bytes)
    const harmed = harm(bytes)
    await (harmed ? store.put(key, harmed) : store.removeAll(key))
    await assert.rejects(assembled(order, rendered), { type: 'chunk_damaged', message: /chunk 1/ })
    assert.equal((await store.get(objectKeys.chunkMark(order.videoId, 1, 2))).kind, 'missing')
  })
}
