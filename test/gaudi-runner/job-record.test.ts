import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type JobRecord, readRecord, recordFormat, recordName, writeRecord } from '../../gaudi-runner/job/job-record.js'

test('a record is stored under the names that earlier runners read, and comes back whole', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'job-record-'))
  context.after(() => rm(folder, { recursive: true }))
  const record: JobRecord = {
    ...{ format: recordFormat, name: { jobId: 'video_1', generation: 2 }, inputs: [], events: [] },
    ...{ order: { preset: 'quality', firstChunk: 0, settings: {} }, restarts: 3, suspended: true, leaving: false },
    failures: { furthest: { chunk: 1, step: 2 }, last: null, sameInARow: 1, reported: 2, total: 4 },
  }
  writeRecord(folder, record)
  const { lives, setbacks } = JSON.parse(await readFile(join(folder, recordName), 'utf8'))
  assert.deepEqual(
    { lives, setbacks },
    { lives: 3, setbacks: { furthest: { chunk: 1, step: 2 }, last: null, alike: 1, told: 2, all: 4 } },
  )
  assert.deepEqual(readRecord(folder), record)
})
