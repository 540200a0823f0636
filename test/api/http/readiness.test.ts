import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { Readiness } from '../../../api/http/readiness.js'
import type { TemporalClient } from '../../../infra/temporal/temporal.js'

test('uploads that begin together ask S3 and Temporal once, a later one anew, and a refusal is not kept', async () => {
  const asked = { s3: 0, temporal: 0 }
  let isAway = false
  const ping = (part: 'temporal' | 's3') => async () => {
    asked[part]++
    await Promise.resolve()
    if (isAway) throw new Error('away')
  }
  const temporal = { ping: ping('temporal') } as unknown as TemporalClient
  const readiness = new Readiness({ temporal, store: { ping: ping('s3') }, log: pino({ level: 'silent' }) })
  await Promise.all([1, 2, 3].map(() => readiness.requireForUpload()))
  assert.deepEqual(asked, { s3: 1, temporal: 1 })
  await sleep(250)
  isAway = true
  await assert.rejects(readiness.requireForUpload())
  isAway = false
  await readiness.requireForUpload()
  assert.deepEqual(asked, { s3: 3, temporal: 3 })
})
