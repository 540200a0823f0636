import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { failure } from '../../activities/worker/activity-failure.js'
import { startVideo } from '../../api/acceptance/start-video.js'
import { currentDetails } from '../../workflows/video/current-details.js'
import { searchAttributes, videoMemoKey } from '../../workflows/names.js'
import { counted } from '../../workflows/plural.js'
import { queuedMemo } from '../../workflows/video/queued-memo.js'
import { anAcceptedOrder } from '../support/api/an-order.js'
import { until } from '../support/runner/local-runner.js'
import { openStage } from '../support/video/video-stage.js'
import { untilCancelled } from '../support/video/video-stories.js'

const stage = await openStage()
after(() => stage[Symbol.asyncDispose]())
const { client } = stage.temporal

/** The README's queries, as the links send them to the UI. */
const queries = [...readFileSync('README.md', 'utf8').matchAll(/\| ([^|]+) \| \[`([^`]+)`\]\((http:[^)]+)\)/g)].map(
  ([, name = '', shown, link = '']) => {
    const url = new URL(link)
    assert.equal(url.searchParams.get('query'), shown)
    assert.equal(url.pathname, '/namespaces/default/workflows')
    return { name, query: String(shown).replace('NODE', 'n1') }
  },
)

test('the queries of the README find the videos that they name', async () => {
  const waiting = await stage.start({ render: untilCancelled })
  const rendered = await stage.start({
    async render() {
      await rendered.tellStarted(1)
      return await untilCancelled()
    },
  })
  const failed = await stage.start({
    async render() {
      await failed.tellStarted(1, 'n2')
      throw failure('out_of_memory', 'rank 1: CUDA out of memory')
    },
  })
  await failed.reached('failed')
  await rendered.reached('processing')
  const found = async (query: string) => {
    const ids: string[] = []
    for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId)
    return ids
  }
  const expected: Record<string, string[]> = {
    'that wait': [waiting.id],
    'being rendered or assembled': [rendered.id],
    failed: [failed.id],
    'failed for want of memory': [failed.id],
    'rendered by one node, now or last': [rendered.id],
    'sweeps of every night': [],
  }
  assert.deepEqual(
    queries.map(({ name }) => name),
    Object.keys(expected),
  )
  for (const { name, query } of queries) {
    await until(`${query} to find ${name}`, async () => String(await found(query)) === String(expected[name]))
  }
  // What a video was rendered on is still said of it when it is on no node any more.
  const { searchAttributes: attributes } = await failed.handle.describe()
  assert.deepEqual(attributes[searchAttributes.node], ['n2'])
  assert.deepEqual(attributes[searchAttributes.errorCode], ['out_of_memory'])
  for (const video of [waiting, failed]) await video.remove()
  await rendered.cancel()
  const cancelled = (await rendered.handle.describe()).searchAttributes
  assert.deepEqual(cancelled[searchAttributes.errorCode], ['cancelled'])
  await rendered.remove()
})

test('one of a kind is no plural, in the summary of a video, of a render and on its page', async () => {
  assert.deepEqual(
    [counted(1, 'step'), counted(2, 'step'), counted(0, 'pass', 'passes')],
    ['1 step', '2 steps', '0 passes'],
  )
  const changes = { steps: 1, guide_scale: 1, audio_guide_scale: 1 }
  const order = anAcceptedOrder('video_1700000000_summary777', changes)
  const short = { ...order, voices: order.voices.map((voice) => ({ ...voice, samples: 16_000 })) }
  const input = { order: short, createdAt: Date.now(), retentionMs: 3_600_000 }
  const memo = queuedMemo(input)
  assert.match(currentDetails(short, memo, 'waiting'), / 1 step, 1 pass a step, /)

  assert.equal((await startVideo(client, input, memo)).kind, 'started')
  const handle = client.workflow.getHandle(order.videoId)
  await until('the end', async () => {
    const { phase } = (await handle.describe()).memo?.[videoMemoKey] as { phase: string }
    return phase === 'completed'
  })
  const { events } = await handle.fetchHistory()
  const summaries = (events ?? []).map(({ userMetadata }) => String(userMetadata?.summary?.data ?? ''))
  const said = summaries.filter((summary) => /step/.test(summary))
  assert.match(said[0] ?? '', / · 1 step · 1 voice · /)
  assert.match(said[1] ?? '', /: 1 chunk × 1 step/)
  await handle.executeUpdate('delete')
})
