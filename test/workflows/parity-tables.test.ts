import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chunkPlan, motionFrames } from '../../workflows/chunk-plan.js'
import { bucketFor, type SizeClass } from '../../workflows/size-buckets.js'

const parityDir = process.env['PARITY_DIR'] ?? '../shared/parity'
const skip = existsSync(parityDir) ? false : `no reference tables at ${parityDir} (set PARITY_DIR)`
const table = (name: string) => JSON.parse(readFileSync(join(parityDir, name), 'utf8'))

test('a longer video has the chunks that the reference makes, and its frames', { skip }, () => {
  const rows: [number, number, number][] = table('chunk_table.json')
  let compared = 0
  for (const [frames, chunks, framesOut] of rows) {
    // Up to 81 frames the reference makes two chunks where one does: an improvement of ours.
    if (frames <= 81) continue
    const plan = chunkPlan(frames)
    assert.deepEqual([plan.chunks, plan.framesPerChunk], [chunks, 81], `${frames} frames`)
    assert.equal(framesOut, frames)
    assert.ok(81 + (chunks - 1) * (81 - motionFrames) >= frames)
    compared++
  }
  assert.ok(compared > 10)
})

test('a picture gets the bucket that the reference chooses', { skip }, () => {
  const reference = table('picture_buckets.json')
  const sizes: Record<SizeClass, Record<string, [number, number]>> = {
    '480p': reference['480'],
    '720p': reference['720'],
  }
  for (const [height, width, key480, key720] of reference.choices as [number, number, string, string][]) {
    for (const [sizeClass, key] of [
      ['480p', key480],
      ['720p', key720],
    ] as const) {
      const [bucketHeight, bucketWidth] = sizes[sizeClass][key] ?? []
      assert.deepEqual(
        bucketFor(sizeClass, { width, height }),
        { width: bucketWidth, height: bucketHeight },
        `${width}x${height} in ${sizeClass}`,
      )
    }
  }
})
