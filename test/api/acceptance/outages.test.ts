import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import { objectsOf, orderForm, postOrder, videoUntil } from '../../support/api/api-orders.js'
import { startApiProcess } from '../../support/api/api-process.js'
import { completedVideo } from '../../support/video/completed-video.js'
import { ownBucket } from '../../support/own-bucket.js'
import { testStack } from '../../support/test-stack.js'
import { type LinkState, tcpFaultProxy } from '../../support/faults/tcp-fault-proxy.js'

// An API of our own on the stack, in a bucket of its own, whose links to Temporal and S3 can fail.
const stack = testStack()
const s3 = await ownBucket(stack, 'outages')
const links = {
  Temporal: await tcpFaultProxy(stack.temporalAddress),
  S3: await tcpFaultProxy(new URL(stack.s3.S3_ENDPOINT).host),
}
const throughLinks = { TEMPORAL_ADDRESS: links.Temporal.address, S3_ENDPOINT: `http://${links.S3.address}` }
const api = await startApiProcess(stack, { ...s3, ...throughLinks })
const store = await connectObjectStore(s3)
after(async () => {
  heal()
  await api[Symbol.asyncDispose]()
  for (const link of Object.values(links)) await link[Symbol.asyncDispose]()
  await store.removeAll('videos/')
  await store[Symbol.asyncDispose]()
})

const heal = (): void => {
  for (const link of Object.values(links)) link.become({ kind: 'pass' })
}

/** What a part's outage looks like to who calls it. */
const outages: LinkState[] = [{ kind: 'reset' }, { kind: 'blackhole' }]

async function assertUnavailable(t: TestContext, what: string, asked: () => Promise<Response>): Promise<void> {
  const began = performance.now()
  const answer = await asked()
  t.diagnostic(`${what}: answered after ${Math.round(performance.now() - began)} ms`)
  const { error } = errorSchema.parse(await answer.json())
  assert.deepEqual([what, answer.status, error.type], [what, 503, 'unavailable'])
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
}

/** After an outage connections are made anew; the next answer that is not "unavailable". */
async function onceBack(ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const answer = await ask()
    if (answer.status !== 503) return answer
    await answer.arrayBuffer()
    await sleep(200)
  }
}

const post = () => fetch(`${api.url}/v1/videos`, { method: 'POST', body: orderForm() })

test('an order while Temporal or S3 is away is told to come back, and nothing of it is stored', async (t) => {
  for (const [name, link] of Object.entries(links)) {
    for (const outage of outages) {
      link.become(outage)
      await assertUnavailable(t, `POST, ${name}: ${outage.kind}`, post)
      heal()
      const ready = await onceBack(() => fetch(`${api.url}/readyz`))
      assert.equal(ready.status, 200)
    }
  }
  for await (const { key } of store.list('')) assert.fail(`${key} was stored`)
})

test('a video is shown without S3; without Temporal whoever asks is told to come back', async (t) => {
  const id = `video_1700000001_${'a'.repeat(10)}`
  await using _video = await completedVideo(stack, store, { id, bytes: 1000 })
  const read = () => fetch(`${api.url}/v1/videos/${id}`)
  for (const outage of outages) {
    links.S3.become(outage)
    const began = performance.now()
    const answer = await read()
    t.diagnostic(`GET, S3: ${outage.kind}: answered after ${Math.round(performance.now() - began)} ms`)
    assert.equal(videoSchema.parse(await answer.json()).status, 'completed')
    const content = () => fetch(`${api.url}/v1/videos/${id}/content`)
    await assertUnavailable(t, `content, S3: ${outage.kind}`, content)
    heal()
    assert.equal((await (await onceBack(content)).arrayBuffer()).byteLength, 1000)

    links.Temporal.become(outage)
    await sleep(400) // longer than an answer is shared
    await assertUnavailable(t, `GET, Temporal: ${outage.kind}`, read)
    heal()
    assert.equal(videoSchema.parse(await (await onceBack(read)).json()).id, id)
  }
})

/** Reads the beginning of a download, does something to it, and reads on: how many bytes came, and whether that was all. */
async function downloadDespite(id: string, happening: () => Promise<void>): Promise<{ bytes: number; whole: boolean }> {
  const [answer] = (await once(get(`${api.url}/v1/videos/${id}/content`), 'response')) as [IncomingMessage]
  assert.equal(answer.statusCode, 200)
  let bytes = 0
  try {
    for await (const chunk of answer) {
      const isFirst = bytes === 0
      bytes += (chunk as Buffer).length
      if (isFirst) await happening()
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  }
  return { bytes, whole: answer.complete }
}

test('a download in whose middle S3 dies, or the video is deleted, ends: with all bytes, or seen to be cut', async () => {
  const bytes = 64 * 2 ** 20
  const happenings: [string, (id: string) => Promise<void>][] = [
    ['S3 breaks', () => Promise.resolve(links.S3.become({ kind: 'reset' }))],
    ['S3 ends', () => Promise.resolve(links.S3.become({ kind: 'cut' }))],
    ['deleted', async (id) => void (await store.removeAll(objectKeys.video(id)))],
  ]
  for (const [n, [what, happening]] of happenings.entries()) {
    const id = `video_170000000${n}_${'b'.repeat(10)}`
    await using _video = await completedVideo(stack, store, { id, bytes })
    const got = await downloadDespite(id, () => happening(id))
    heal()
    assert.equal(got.whole, got.bytes === bytes, what)
    if (what !== 'deleted') assert.ok(!got.whole, what)
    assert.equal((await fetch(`${api.url}/healthz`)).status, 200)
  }
})

test('over slow links to both a video is ordered once, followed and deleted', async () => {
  // In the stack's own bucket, where its workers look.
  await using slow = await startApiProcess(stack, throughLinks)
  await using own = await connectObjectStore(stack.s3)
  for (const link of Object.values(links)) link.become({ kind: 'latency', ms: 100 })
  const headers = { 'idempotency-key': randomBytes(8).toString('hex') }
  const answers = await Promise.all([1, 2, 3].map(() => postOrder(slow.url, orderForm({ steps: '1' }), headers)))
  heal()
  const [id = '', ...others] = new Set(answers.map(({ body }) => body.id as string))
  assert.deepEqual([others, answers.map(({ status }) => status)], [[], [200, 200, 200]])
  await videoUntil(slow.url, id, ({ status }) => status === 'completed')
  assert.equal((await fetch(`${slow.url}/v1/videos/${id}`, { method: 'DELETE' })).status, 200)
  assert.deepEqual(await objectsOf(own, id), [])
})
