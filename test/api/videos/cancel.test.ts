import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { type VideoAnswer, videoSchema } from '../../../api/videos/video-schema.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { toneWav } from '../../support/api/api-media.js'
import { objectsOf, orderForm, postOrder, videoUntil } from '../../support/api/api-orders.js'
import { testStack } from '../../support/test-stack.js'

const { apiUrl, s3 } = testStack()
const store = await connectObjectStore(s3)
const ordered: string[] = []
after(async () => {
  // A test that failed must not leave the nodes busy.
  await Promise.all(ordered.map((id) => cancel(id)))
  await store[Symbol.asyncDispose]()
})

/** More than a test waits for: it ends by being cancelled. */
const long = { steps: '100' }
const longVoice = toneWav(12)

async function order(changes: Record<string, string>, voice?: Buffer): Promise<string> {
  const { status, body } = await postOrder(apiUrl, orderForm(changes, voice))
  assert.equal(status, 200, JSON.stringify(body))
  ordered.push(body.id)
  return body.id as string
}

const cancel = (id: string) => fetch(`${apiUrl}/v1/videos/${id}/cancel`, { method: 'POST' })
const remove = (id: string) => fetch(`${apiUrl}/v1/videos/${id}`, { method: 'DELETE' })
const refusal = async (answer: Response) => [answer.status, errorSchema.parse(await answer.json()).error.type]

async function cancelled(id: string): Promise<VideoAnswer> {
  const answer = await cancel(id)
  const video = videoSchema.parse(await answer.json())
  assert.deepEqual(
    [answer.status, video.id, video.status, video.error, video.queue_length, video.estimated_time],
    [200, id, 'error', 'cancelled', 0, 0],
  )
  assert.ok(video.progress < 100 && video.completed_at === null)
  return video
}

/** The answer does not wait for ever for the removal of what was made. */
async function untilOnlyInputs(id: string): Promise<void> {
  const isMade = (key: string): boolean => key !== 'order.json' && !key.startsWith('input/')
  while ((await objectsOf(store, id)).some(isMade)) await sleep(50)
}

const isProcessing = (video: VideoAnswer) => video.status === 'processing' && video.progress > 0

test('a video that waits is cancelled at once; one that is rendered makes place for the next', async () => {
  // The stack has two nodes.
  const rendered = await Promise.all([order(long, longVoice), order(long, longVoice)])
  await Promise.all(rendered.map((id) => videoUntil(apiUrl, id, isProcessing)))
  const [waits, next] = [await order(long, longVoice), await order(long, longVoice)]
  await cancelled(waits)
  assert.equal((await videoUntil(apiUrl, next, () => true)).status, 'queued')

  const [first = '', second = ''] = rendered
  await cancelled(first)
  await videoUntil(apiUrl, next, isProcessing) // the other node is still busy
  for (const id of [second, next]) await cancelled(id)

  for (const id of [waits, first, second, next]) {
    const video = await videoUntil(apiUrl, id, ({ status }) => status === 'error')
    assert.equal(video.error, 'cancelled')
    assert.deepEqual(await refusal(await fetch(`${apiUrl}/v1/videos/${id}/content`)), [409, 'video_failed'])
    // The same again is answered alike, also when many ask at once.
    for (const again of await Promise.all([cancelled(id), cancelled(id), cancelled(id)])) {
      assert.deepEqual(again, video)
    }
    await untilOnlyInputs(id)

    const deleted = await remove(id)
    assert.equal(videoSchema.parse(await deleted.json()).status, 'deleted')
    assert.deepEqual(await objectsOf(store, id), [])
    for (const gone of [await cancel(id), await remove(id)]) assert.deepEqual(await refusal(gone), [404, 'not_found'])
  }
})

test('a video that is being assembled is cancelled, or was over first: whatever was answered is so', async () => {
  const id = await order({ steps: '1', fps: '60', logo_video: 'true' }, toneWav(3))
  const video = await videoUntil(apiUrl, id, ({ progress }) => progress >= 99)
  const answer = await cancel(id)
  if (answer.status === 200) {
    assert.equal(videoSchema.parse(await answer.json()).error, 'cancelled')
    assert.equal((await videoUntil(apiUrl, id, ({ status }) => status === 'error')).error, 'cancelled')
    await untilOnlyInputs(id)
  } else {
    assert.deepEqual(await refusal(answer), [409, 'video_is_over'], video.status)
    await videoUntil(apiUrl, id, ({ status }) => status === 'completed')
  }
  assert.equal((await remove(id)).status, 200)
})

test('what is completed cannot be cancelled, which no SDK tries again; what is not there is not found', async () => {
  const id = await order({ steps: '1' })
  await videoUntil(apiUrl, id, ({ status }) => status === 'completed')
  const answer = await cancel(id)
  assert.equal(answer.headers.get('x-should-retry'), 'false')
  assert.deepEqual(await refusal(answer), [409, 'video_is_over'])
  assert.equal((await remove(id)).status, 200)
  assert.deepEqual(await refusal(await cancel(id)), [404, 'not_found'])
  assert.deepEqual(await refusal(await cancel('video_1766454718_cccccccccc')), [404, 'not_found'])
  const wrong = await fetch(`${apiUrl}/v1/videos/${id}/cancel`)
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST'])
})
