import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { FollowedJobs } from '../../activities/render/followed-jobs.js'
import { NodeDrain } from '../../activities/node/node-drain.js'
import type { Job, JobRef } from '../../gaudi-runner/client/runner-client.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { until } from '../support/runner/local-runner.js'
import { MemoryObjectStore } from '../support/faults/memory-object-store.js'

const job: JobRef = { jobId: 'video_1', generation: 1 }

test('a node learns that it is to leave, leaves its job after the chunk where that is asked, and may come back', async () => {
  await using store = await MemoryObjectStore.start()
  const asked: (JobRef & { afterChunk: boolean })[] = []
  const followed = new FollowedJobs()
  using _follower = followed.follow(job)
  const runner = {
    async abort(of: JobRef, { afterChunk = false }: { afterChunk?: boolean } = {}): Promise<Job> {
      asked.push({ ...of, afterChunk })
      return { ...of, state: 'RUNNING', lastSequence: 1 }
    },
  }
  const request = (mode: string) => store.put(objectKeys.drain('n1'), JSON.stringify({ mode, at: 1 }))
  await request('video')
  await using drain = await NodeDrain.start({ node: 'n1', store, runner, followed, log: pino({ level: 'silent' }) })
  assert.equal(drain.mode, 'video')
  assert.deepEqual(asked, [])
  await request('chunk')
  await until('the harder request', () => drain.mode === 'chunk' && asked.length > 0)
  assert.deepEqual(asked[0], { ...job, afterChunk: true })
  await store.removeAll(objectKeys.drain('n1'))
  await until('the request to be undone', () => drain.mode === undefined)
})
