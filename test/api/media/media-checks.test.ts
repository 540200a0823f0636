import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import sharp from 'sharp'
import { checkMedia } from '../../../api/media/check-media.js'
import type { MediaChecking } from '../../../api/media/media-checking.js'
import { fileLimits, knownFile, sniffBytes } from '../../../api/intake/file-kinds.js'
import { peek } from '../../../api/intake/file-stream.js'
import { Problem } from '../../../api/http/problems.js'
import { Slots } from '../../../infra/program/slots.js'
import { inputStorer } from '../../../api/intake/store-input.js'
import { ffmpeg, ffmpegPath, picture, toneWav } from '../../support/api/api-media.js'
import { MemoryObjectStore } from '../../support/faults/memory-object-store.js'

/** Files that ffmpeg makes once for all tests; some muxers must seek, so they are written to a folder. */
const made = new Map<string, Buffer>()
const folder = mkdtempSync(join(tmpdir(), 'api-media-'))
after(() => rmSync(folder, { recursive: true }))

function make(name: string, ...args: string[]): Buffer {
  const known = made.get(name)
  if (known !== undefined) return known
  const path = join(folder, name)
  ffmpeg(...args, path)
  const bytes = readFileSync(path)
  made.set(name, bytes)
  return bytes
}

const film = (name: string, ...args: string[]) =>
  make(name, '-f', 'lavfi', '-i', 'testsrc=d=3:r=10:s=128x96', '-pix_fmt', 'yuv420p', ...args)

async function checked(reference: Buffer, ...voices: Buffer[]) {
  await using store = await MemoryObjectStore.start()
  const { signal } = new AbortController()
  const checking: MediaChecking = { store, ffmpegPath: ffmpegPath(), maxSeconds: 10, slots: new Slots(2) }
  const save = inputStorer({ store, videoId: 'video_1', heldBytes: 100_000 })
  async function* body(bytes: Buffer) {
    yield await Promise.resolve(bytes)
  }
  const inputs = {
    reference: await save({ kind: 'reference' }, body(reference), signal),
    voices: await Promise.all(voices.map((bytes, index) => save({ kind: 'voice', index }, body(bytes), signal))),
    ...{ audioType: 'add' as const, videoId: 'video_1', background: '#ffffff' },
  }
  return await checkMedia(inputs, checking, signal)
}

async function refusal(reference: Buffer, ...voices: Buffer[]): Promise<string> {
  try {
    await checked(reference, ...voices)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.type, 'invalid_file')
    return `${error.param}: ${error.message}`
  }
  throw new assert.AssertionError({ message: 'the file was accepted' })
}

const png = await picture('png')
const wav = toneWav(1)

test('a picture is decoded to its end and measured as it is displayed', async () => {
  for (const format of ['png', 'jpeg', 'webp'] as const) {
    const bytes = await picture(format, 200, 100)
    const { reference } = await checked(bytes, wav)
    assert.deepEqual([reference.kind, reference.width, reference.height], ['picture', 200, 100])
    assert.match(await refusal(bytes.subarray(0, Math.floor(bytes.length * 0.7)), wav), /^input_reference: .*broken/)
  }
  const turned = await sharp(await picture('jpeg', 200, 100))
    .withMetadata({ orientation: 6 })
    .toBuffer()
  const { reference } = await checked(turned, wav)
  assert.deepEqual([reference.width, reference.height], [100, 200])
})

test('a picture with too many or too few pixels is refused, also when its file is tiny', async () => {
  const flat = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: 'white' } })
      .png()
      .toBuffer()
  assert.match(await refusal(await flat(9000, 5000), wav), /most is 40 megapixels/)
  assert.match(await refusal(await flat(63, 200), wav), /least is 64 a side/)
  await checked(await flat(64, 64), wav)
})

test('a reference video is measured, and refused when its end is missing', async () => {
  const films: [string, string[]][] = [
    ['a.mp4', ['-movflags', '+faststart']],
    ['a.mov', []],
    ['a.mkv', []],
    ['a.webm', ['-c:v', 'libvpx', '-b:v', '300k']],
  ]
  for (const [name, args] of films) {
    const whole = film(name, ...args)
    const { reference } = await checked(whole, wav)
    assert.deepEqual([reference.kind, reference.width, reference.height], ['video', 128, 96], name)
    const why = await refusal(whole.subarray(0, Math.floor(whole.length * 0.6)), wav)
    assert.match(why, /^input_reference: .*(broken|cut off)/, name)
  }
  assert.match(await refusal(film('small.mp4', '-vf', 'scale=64:32'), wav), /side below 64/)
})

/** Known by name, or not at all: not taken. */
async function isStranger(part: 'reference' | 'voice', bytes: Buffer): Promise<boolean> {
  const known = await knownFile(part, bytes)
  return known === undefined || 'refused' in known
}

test('what is no picture, video or sound by its bytes is nothing, whatever it calls itself', async () => {
  const strangers = [
    '#EXTM3U\nx',
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    'ffconcat version 1.0\n',
    '%PDF-1.7',
    'v=0\r\n',
    '',
  ]
  for (const text of strangers) {
    for (const part of ['reference', 'voice'] as const) assert.ok(await isStranger(part, Buffer.from(text)), text)
  }
  assert.ok(await isStranger('voice', png))
  assert.ok(await isStranger('reference', wav))
  assert.deepEqual(fileLimits, { picture: 50_000_000, video: 500_000_000, voice: 200_000_000 })
})

test('the first bytes of a stream are looked at and none of it is lost, whatever the pieces', async () => {
  for (const pieceBytes of [1, 3, 4096, 10_000]) {
    async function* pieces() {
      for (let at = 0; at < wav.length; at += pieceBytes) yield await Promise.resolve(wav.subarray(at, at + pieceBytes))
    }
    const { head, whole } = await peek(pieces())
    assert.deepEqual(head, wav.subarray(0, sniffBytes))
    const all: Uint8Array[] = []
    for await (const chunk of whole) all.push(chunk)
    assert.deepEqual(Buffer.concat(all), wav)
  }
})
