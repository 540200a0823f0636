import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { chunkPlan, framesOf, orderFrames, renderFps, soundSamples } from '../../workflows/chunk-plan.js'
import { failures, failureCode } from '../../workflows/failures.js'
import { percentDone } from '../../workflows/progress.js'
import { bucketFor, bucketNearest } from '../../workflows/size-buckets.js'
import { guidancePasses, tokensOf, workOf } from '../../workflows/work.js'
import { anAcceptedOrder } from '../support/api/an-order.js'

const file = { key: 'k', bytes: 1, sha256: 's' }
const voice = (samples: number) => ({ ...file, samples, analysis: file })

test('audio that fits one chunk gets one, and the last of several is cut to what is left', () => {
  assert.deepEqual(chunkPlan(6), { chunks: 1, framesPerChunk: 9, lastFrames: 9 })
  assert.deepEqual(chunkPlan(82), { chunks: 2, framesPerChunk: 81, lastFrames: 41 })
})

test('the chunks are those that the ranks plan', () => {
  const rows: number[][] = JSON.parse(readFileSync('gaudi-runner/tests/chunk_plan.json', 'utf8'))
  for (const [frames = 0, ...expected] of rows) {
    const { chunks, framesPerChunk, lastFrames } = chunkPlan(frames)
    assert.deepEqual([chunks, framesPerChunk, lastFrames], expected, `${frames} frames`)
  }
})

test('the model runs at the asked rate from 23 to 30, at 25 otherwise', () => {
  assert.deepEqual([8, 22, 23, 24, 25, 30, 31, 60].map(renderFps), [25, 25, 23, 24, 25, 30, 25, 25])
})

test('voices are as long as both of them one after the other, or as the longer one', () => {
  assert.equal(soundSamples([16_000, 8_000], 'add'), 24_000)
  assert.equal(soundSamples([16_000, 8_000], 'para'), 16_000)
  assert.equal(framesOf(16_000, 24), 24)
  assert.equal(framesOf(16_001 + 640, 25), 26)
  assert.equal(framesOf(100, 25), 1)
  assert.equal(orderFrames(anAcceptedOrder('v', { voices: [voice(16_000), voice(8_000)], fps: 60 })), 37)
})

test('guidance costs three passes, two without the text guide, one without both', () => {
  assert.equal(guidancePasses({ guide_scale: 5, audio_guide_scale: 5 }), 3)
  assert.equal(guidancePasses({ guide_scale: 5, audio_guide_scale: 1 }), 3)
  assert.equal(guidancePasses({ guide_scale: 1, audio_guide_scale: 2 }), 2)
  assert.equal(guidancePasses({ guide_scale: 1, audio_guide_scale: 1 }), 1)
})

test('the work of an order is its chunks × steps × passes × tokens', () => {
  assert.equal(tokensOf(81, 640, 640), 33_600)
  assert.equal(tokensOf(81, 960, 960), 75_600)
  const order = anAcceptedOrder('v', { voices: [voice(160_000)], steps: 40 })
  // 10 s at 25 frames per second: 250 frames, 4 chunks, 34 frames in the last one.
  assert.equal(workOf(order), 40 * 3 * (3 * 33_600 + tokensOf(41, 640, 640)))
})

test('progress counts finished steps and never says 100', () => {
  const at = (chunk: number, step: number) =>
    percentDone({ doing: 'rendering', node: 'n', generation: 1, chunk, chunks: 4, step, steps: 50, secondsLeft: null })
  assert.deepEqual([at(0, 0), at(0, 1), at(0, 2), at(2, 0), at(3, 49), at(4, 0)], [0, 0, 1, 50, 99, 99])
})

test('a size asked for is served by the class nearest in area, in the bucket nearest in shape', () => {
  assert.deepEqual(bucketFor('480p', { width: 1024, height: 1024 }), { width: 640, height: 640 })
  assert.deepEqual(bucketNearest({ width: 1280, height: 720 }), { width: 1280, height: 704 })
  assert.deepEqual(bucketNearest({ width: 720, height: 1280 }), { width: 704, height: 1280 })
  assert.deepEqual(bucketNearest({ width: 832, height: 480 }), { width: 896, height: 448 })
})

test('a failure that is not on the list is a bug of ours', () => {
  assert.equal(failureCode('voice_unreadable'), 'voice_unreadable')
  assert.equal(failureCode('toString'), 'internal')
  assert.equal(failureCode(undefined), 'internal')
  for (const word of Object.keys(failures)) assert.equal(failureCode(word), word)
})
