import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ffmpeg } from '../support/api/api-media.js'
import { completed, submit } from '../bench/client.js'
import { decodeSound, soundRate } from '../support/api/finished-file.js'
import { testStack } from '../support/test-stack.js'

const { apiUrl, examplesDir } = testStack()
const example = (name: string) => join(examplesDir, 'single', name)
const upload = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(example(name))) })
const fps = 24
/** A second in either direction, in frames. */
const lags = Array.from({ length: 2 * fps + 1 }, (_, i) => i - fps)

/** Where the mouth is in the example's picture, as shares of its width and height. */
const mouth = 'crop=iw*0.16:ih*0.12:iw*0.44:ih*0.56'
const pixels = 48 * 36

/** How far the mouth of each frame is from how it was in the first one: mean difference of brightness. */
function motion(path: string): number[] {
  const options = ['-fps_mode', 'passthrough', '-vf', `${mouth},scale=48:36:flags=area,format=gray`]
  const raw = ffmpeg('-i', path, '-map', '0:v', ...options, '-f', 'rawvideo', 'pipe:1')
  const frame = (n: number) => Array.from(raw.subarray(n * pixels, (n + 1) * pixels))
  const rest = frame(0)
  return Array.from({ length: raw.length / pixels }, (_, n) =>
    mean(frame(n).map((value, pixel) => Math.abs(value - (rest[pixel] ?? 0)))),
  )
}

/** Loudness of the sound during each frame: its root mean square. */
function loudness(path: string, frames: number): number[] {
  const sound = decodeSound(path)
  const samples = soundRate / fps
  return Array.from({ length: frames }, (_, n) =>
    Math.sqrt(mean(Array.from(sound.subarray(n * samples, (n + 1) * samples), (value) => value * value))),
  )
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function deviation(values: number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

function correlation(a: number[], b: number[]): number {
  const [middleA, middleB] = [mean(a), mean(b)]
  return mean(a.map((value, i) => (value - middleA) * ((b[i] ?? 0) - middleB))) / (deviation(a) * deviation(b))
}

/** The correlation when the motion is compared with the sound that is heard so many frames later. */
function shifted(moved: number[], loud: number[], frames: number): number {
  const both = moved.length - Math.abs(frames)
  const skip = (values: number[], from: number) => values.slice(Math.max(0, from), Math.max(0, from) + both)
  return correlation(skip(moved, -frames), skip(loud, frames))
}

test('in the finished file of the example the mouth moves with the uploaded voice, and in step with it', async () => {
  const id = await submit(apiUrl, upload('ref_image.png'), upload('1.wav'))
  await completed(apiUrl, id, 200)
  const folder = await mkdtemp(join(tmpdir(), 'lip-sync-'))
  try {
    const path = join(folder, 'video.mp4')
    const answer = await fetch(`${apiUrl}/v1/videos/${id}/content`)
    writeFileSync(path, Buffer.from(await answer.arrayBuffer()))
    const moved = motion(path)
    const loud = loudness(example('1.wav'), moved.length)
    const inStep = shifted(moved, loud, 0)
    assert.ok(inStep >= 0.6, `motion and loudness correlate by ${inStep.toFixed(2)}`)
    const best = lags.toSorted((a, b) => shifted(moved, loud, b) - shifted(moved, loud, a))[0] ?? NaN
    assert.ok(Math.abs(best) <= 1, `the mouth is ${best} frames beside the voice`)
  } finally {
    await rm(folder, { recursive: true })
  }
})
