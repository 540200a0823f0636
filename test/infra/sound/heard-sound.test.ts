import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { bytesInMemory } from '../../../infra/sound/file-bytes.js'
import { openSound } from '../../../infra/sound/heard-sound.js'
import { ffmpeg, ffmpegPath } from '../../support/api/api-media.js'
import { floats, fmtChunk, riff, riffChunk, tone } from '../../support/media/wav-files.js'

/** What is heard of a WAV, left and right by turns, without ffmpeg. */
async function heard(file: Buffer, seconds = 60): Promise<{ rate: number; samples: number[] }> {
  const address = () => assert.fail('ffmpeg was asked')
  const run = { ffmpegPath: ffmpegPath(), timeoutMs: 10_000 }
  const { rate, pieces } = await openSound({ bytes: bytesInMemory(file), address }, run, seconds)
  const samples: number[] = []
  for await (const piece of pieces) samples.push(...piece)
  return { rate, samples }
}

const side = (samples: number[], which: 0 | 1): number[] => samples.filter((_, i) => i % 2 === which)

test('every plain coding is read as ffmpeg reads it', async () => {
  const codings = 'pcm_u8 pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_alaw pcm_mulaw'.split(' ')
  for (const coding of codings) {
    const source = ['-f', 'lavfi', '-i', 'aevalsrc=0.6*sin(900*t)|0.3*sin(500*t):s=22050:d=0.5']
    const file = ffmpeg(...source, '-c:a', coding, '-f', 'wav', 'pipe:1')
    const { rate, samples } = await heard(file)
    const raw = execFileSync(ffmpegPath(), ['-v', 'error', '-i', 'pipe:0', '-f', 'f32le', 'pipe:1'], { input: file })
    const theirs = new Float32Array(new Uint8Array(raw).buffer)
    assert.deepEqual([rate, samples.length], [22_050, theirs.length], coding)
    const worst = Math.max(...theirs.map((sample, i) => Math.abs(sample - (samples[i] ?? 9))))
    assert.ok(worst < 1e-6, `${coding}: ${worst}`)
  }
})

test('what is no number is silence, what is beyond full scale is cut', async () => {
  const sent = floats([0.25, NaN, Infinity, -Infinity, 6, -6, 1, -0.5])
  const { samples } = await heard(riff([fmtChunk({ tag: 3, bits: 32 }), riffChunk('data', sent)]))
  assert.deepEqual(side(samples, 0), [0.25, 0, 0, 0, 1, -1, 1, -0.5])
  assert.deepEqual(side(samples, 1), side(samples, 0))
})

test('every channel is heard somewhere, and nothing beyond full scale', async () => {
  const alone = (channels: number, which: number) =>
    floats(Array.from({ length: channels }, (_, i) => (i === which ? 0.5 : 0)))
  const sidesOf = async (channels: number, which: number, mask?: number) => {
    const fmt = fmtChunk({ tag: 3, bits: 32, channels, ...(mask !== undefined && { mask }) })
    return (await heard(riff([fmt, riffChunk('data', alone(channels, which))]))).samples.map((x) =>
      Number(x.toFixed(3)),
    )
  }
  // 5.1: left, right, centre, low frequencies, back left, back right.
  const wanted = [
    [0.5, 0],
    [0, 0.5],
    [0.5, 0.5],
    [0, 0],
    [0.354, 0],
    [0, 0.354],
  ]
  for (const [which, sides] of wanted.entries()) {
    assert.deepEqual(await sidesOf(6, which, 0x3f), sides)
    assert.deepEqual(await sidesOf(6, which), sides)
  }
  assert.deepEqual(await sidesOf(4, 2), [0.354, 0])
  // Microphones in a row, and a single channel wherever it is said to be.
  assert.deepEqual(await sidesOf(12, 11), [0.5, 0.5])
  assert.deepEqual(await sidesOf(1, 0, 0x8), [0.5, 0.5])
  const loud = floats([0.9, 0.9, 0.9, 0.9, 0.9, 0.9])
  const all = await heard(riff([fmtChunk({ tag: 3, bits: 32, channels: 6 }), riffChunk('data', loud)]))
  assert.deepEqual(all.samples, [1, 1])
})

test('samples of 20 bit in 3 bytes, and of 24 in 4, are read by what a frame takes', async () => {
  const fmt = fmtChunk({ bits: 32 })
  fmt.writeUInt16LE(24, 8 + 14)
  const bytes = Buffer.alloc(8)
  bytes.writeInt32LE(0x4000_0000, 0)
  bytes.writeInt32LE(-0x4000_0000, 4)
  assert.deepEqual(side((await heard(riff([fmt, riffChunk('data', bytes)]))).samples, 0), [0.5, -0.5])
})

test('one behind the other, files of several rates and channels are one sound', async () => {
  const first = riff([fmtChunk({ rate: 24_000 }), riffChunk('data', tone(24_000))])
  const second = riff([fmtChunk({ rate: 8_000, channels: 2 }), riffChunk('data', tone(16_000))])
  const { rate, samples } = await heard(Buffer.concat([first, second]))
  assert.deepEqual([rate, samples.length / 2], [24_000, 24_000 + 24_000])
})

test('no more is read than asked for', async () => {
  const file = riff([fmtChunk({ rate: 8_000 }), riffChunk('data', tone(80_000))])
  assert.equal((await heard(file, 2)).samples.length / 2, 16_000)
})
