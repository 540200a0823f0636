import assert from 'node:assert/strict'
import { request } from 'node:http'
import test from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { digestOf } from '../../../api/acceptance/idempotency.js'
import { Nodes } from '../../../api/queue/nodes.js'
import { errorSchema } from '../../../api/openapi/openapi.js'
import type { ParameterName } from '../../../api/parameters/parameters.js'
import { readParameters } from '../../../api/parameters/read-parameters.js'
import type { NodeAnnouncement } from '../../../workflows/node.js'
import { eventually, startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { toneWav } from '../../support/api/api-media.js'
import { type Answered, orderForm, postOrder } from '../../support/api/api-orders.js'

const keyed = (api: TestApi, key: string, form = orderForm()) => postOrder(api.url, form, { 'idempotency-key': key })
const bySdk = (api: TestApi, retry: number, form = orderForm()) =>
  postOrder(api.url, form, { 'x-stainless-retry-count': String(retry) })

function refusalOf({ body }: Answered): [string, string | null] {
  const { error } = errorSchema.parse(body)
  return [error.type, error.param]
}

function assertReplayed(answered: Answered, id: string): void {
  assert.deepEqual([answered.status, answered.body.id], [200, id], JSON.stringify(answered.body))
  assert.equal(answered.headers.get('idempotency-replayed'), 'true')
}

/** Only one video has been started, and there is nothing in the bucket but its objects and one claim. */
function assertOneVideo(api: TestApi, id: string): void {
  assert.deepEqual(
    api.started.map((started) => started.id),
    [id],
  )
  const keys = [...api.store.objects.keys()]
  assert.deepEqual(
    keys.filter((key) => !key.startsWith(`videos/${id}/`)).map((key) => key.split('/')[0]),
    ['claims'],
  )
  assert.equal(keys.length, 5)
}

test('the same request under the same key gets the same video, with its seed, and leaves nothing of its own', async () => {
  await using api = await startTestApi()
  const first = await keyed(api, 'k', orderForm({ seed: '-1', prompt: 'a' }))
  assert.deepEqual([first.status, first.headers.get('idempotency-replayed')], [200, null])
  // A default that is said is no other request.
  const again = await keyed(api, 'k', orderForm({ steps: '50', prompt: 'a', seed: '-1' }))
  assertReplayed(again, first.body.id)
  assert.equal(again.headers.get('x-video-seed'), first.headers.get('x-video-seed'))
  assert.deepEqual(again.body, first.body)
  assertOneVideo(api, first.body.id)
})

test('a repetition is answered although no node that is up offers its preset any more', async () => {
  const up: NodeAnnouncement[] = []
  const nothing = { list: async function* () {}, read: () => Promise.resolve(undefined) }
  const nodes = Object.assign(new Nodes(nothing, pino({ level: 'silent' })), { live: () => Promise.resolve(up) })
  await using api = await startTestApi({ parts: { nodes } })
  const fast = () => orderForm({ preset: 'fast' })
  const ids = [(await keyed(api, 'k', fast())).body.id, (await bySdk(api, 0, fast())).body.id]
  const node = { node: 'n', at: Date.now(), engine: 'demo', model: 'm', ranks: 2, speeds: [], renders: null }
  up.push({ ...node, state: 'idle', presets: ['quality'] })
  assertReplayed(await keyed(api, 'k', fast()), ids[0] ?? '')
  assertReplayed(await bySdk(api, 1, fast()), ids[1] ?? '')
  const kept = api.store.objects.size
  for (const refused of [keyed(api, 'K', fast()), bySdk(api, 0, fast()), postOrder(api.url, fast())]) {
    assert.deepEqual(refusalOf(await refused), ['invalid_parameter', 'preset'])
  }
  assert.deepEqual([api.started.length, api.store.objects.size], [2, kept])
})

test('another request under the same key is refused; under another key or none it is an order of its own', async () => {
  await using api = await startTestApi()
  const { body } = await keyed(api, 'k')
  for (const other of [orderForm({ steps: '49' }), orderForm({ seed: '-1' }), orderForm({}, toneWav(0.8))]) {
    const refused = await keyed(api, 'k', other)
    assert.equal(refused.status, 422)
    assert.deepEqual(refusalOf(refused), ['idempotency_conflict', 'Idempotency-Key'])
  }
  assertOneVideo(api, body.id)
  const ids = [body.id, (await keyed(api, 'K')).body.id, (await postOrder(api.url, orderForm())).body.id]
  assert.equal(new Set(ids).size, 3)
})

test('of many requests at once under one key one becomes the video, and all are answered with it', async () => {
  await using api = await startTestApi({ uploads: 40 })
  const answers = await Promise.all(Array.from({ length: 24 }, () => keyed(api, 'k')))
  const [id] = new Set(answers.map(({ body }) => body.id))
  for (const { status, body } of answers) assert.deepEqual([status, body.id], [200, id])
  assert.equal(answers.filter(({ headers }) => !headers.has('idempotency-replayed')).length, 1)
  assertOneVideo(api, id)
})

test('a key that is none is refused by name before the body is read', async () => {
  await using api = await startTestApi()
  for (const key of ['x'.repeat(256), 'ü', 'a\tb']) {
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e6 }
      const req = request(`${api.url}/v1/videos`, { method: 'POST', headers: { ...headers, 'idempotency-key': key } })
      req.on('error', reject).on('response', (res) => {
        const text = res.toArray().then((chunks) => Buffer.concat(chunks).toString())
        text.then((text) => resolve({ status: res.statusCode ?? 0, text }), reject).finally(() => req.destroy())
      })
      req.flushHeaders()
    })
    const { error } = errorSchema.parse(JSON.parse(text))
    assert.deepEqual([status, error.type, error.param], [400, 'invalid_parameter', 'Idempotency-Key'])
    assert.match(error.message, /255/)
  }
  assert.equal((await keyed(api, 'x'.repeat(255))).status, 200)
})

test('a video that is gone no longer answers for its key', async () => {
  await using api = await startTestApi()
  const first = await keyed(api, 'k')
  await api.store.removeAll(`videos/${first.body.id}/`)
  for (const started of api.started) started.isClosed = true
  const second = await keyed(api, 'k')
  assert.deepEqual([second.status, second.headers.get('idempotency-replayed')], [200, null])
  assert.notEqual(second.body.id, first.body.id)
  assertReplayed(await keyed(api, 'k'), second.body.id)
})

test('a video that was claimed and never started is started by the repetition, from what was stored for it', async () => {
  await using api = await startTestApi()
  const first = await keyed(api, 'k', orderForm({ seed: '-1' }))
  api.started.length = 0 // as if the process had ended before the start
  const again = await keyed(api, 'k', orderForm({ seed: '-1' }))
  assertReplayed(again, first.body.id)
  assertOneVideo(api, first.body.id)
  const { order } = api.started[0]?.options.args[0]
  assert.equal(String(order.parameters.seed), first.headers.get('x-video-seed'))
})

test('from the claim on whatever fails keeps what was stored, and the repetition gets one video', async () => {
  for (const start of ['refuses', 'loses its answer'] as const) {
    await using api = await startTestApi()
    api.temporal.start = start
    api.temporal.describe = 'refuses'
    const failed = await keyed(api, 'k')
    assert.deepEqual([failed.status, refusalOf(failed)[0]], [503, 'unavailable'])
    assert.ok(Number(failed.headers.get('retry-after')) > 0)
    assert.equal(api.store.objects.size, 5)

    api.temporal.start = api.temporal.describe = 'answers'
    const again = await keyed(api, 'k')
    assert.equal(again.status, 200)
    assertOneVideo(api, again.body.id)
  }
})

test('a claim whose answer is lost, or that fails, never makes two videos and never names one that is not there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('answers', 'is lost', 'fails'), { minLength: 1, maxLength: 4 }),
      async (answers) => {
        await using api = await startTestApi()
        const create = api.store.create.bind(api.store)
        for (const answer of [...answers, 'answers']) {
          api.store.create = async (key, body) => {
            if (answer === 'fails') throw new Error('503 Slow Down')
            const created = await create(key, body)
            if (answer === 'is lost') throw new Error('socket hang up')
            return created
          }
          const { status, body } = await keyed(api, 'k')
          assert.equal(status, answer === 'answers' ? 200 : 503, JSON.stringify(body))
        }
        assert.equal(api.started.length, 1)
        const [claimed] = [...api.store.objects].filter(([key]) => key.startsWith('claims/'))
        const { videoId } = JSON.parse(String(claimed?.[1]))
        assert.equal(api.started[0]?.id, videoId)
        assert.ok(api.store.objects.has(`videos/${videoId}/order.json`))
      },
    ),
    { numRuns: 15 },
  )
})

test('a claim of which S3 says that it is there already is known as our own', async () => {
  await using api = await startTestApi()
  const create = api.store.create.bind(api.store)
  // S3's client sent it twice, since the first answer was lost.
  api.store.create = async (key, body) => {
    await create(key, body)
    return create(key, body)
  }
  const { status, headers, body } = await keyed(api, 'k')
  assert.deepEqual([status, headers.get('idempotency-replayed')], [200, null])
  assertOneVideo(api, body.id)
})

test('a client that leaves when its order is complete has ordered: the same key finds the video', async () => {
  await using api = await startTestApi()
  const leaving = new AbortController()
  const create = api.store.create.bind(api.store)
  api.store.create = async (key, body) => {
    leaving.abort()
    await new Promise((resolve) => setTimeout(resolve, 100))
    return create(key, body)
  }
  const headers = { 'idempotency-key': 'k' }
  const posting = fetch(`${api.url}/v1/videos`, { method: 'POST', body: orderForm(), headers, signal: leaving.signal })
  await assert.rejects(posting)
  await eventually(() => api.started.length === 1, 'the video is started')
  api.store.create = create
  assertReplayed(await keyed(api, 'k'), api.started[0]?.id ?? '')
})

test('a retry that an SDK marks gets the video of its first try; a first try is always an order of its own', async () => {
  await using api = await startTestApi()
  const first = await bySdk(api, 0)
  assertReplayed(await bySdk(api, 1), first.body.id)
  assertReplayed(await bySdk(api, 2), first.body.id)
  assertOneVideo(api, first.body.id)
  const other = await bySdk(api, 1, orderForm({ steps: '9' }))
  assert.deepEqual([other.status, other.headers.get('idempotency-replayed')], [200, null])
  const second = await bySdk(api, 0)
  assert.notEqual(second.body.id, first.body.id)
  assertReplayed(await bySdk(api, 1), second.body.id)
})

test('an SDK’s retry of long ago, and one with a key, are no repetition by the mark', async () => {
  await using api = await startTestApi()
  const first = await bySdk(api, 0)
  for (const [key, body] of api.store.objects) {
    if (!key.startsWith('claims/')) continue
    const claim = JSON.parse(String(body))
    api.store.objects.set(key, Buffer.from(JSON.stringify({ ...claim, at: claim.at - 601_000 })))
  }
  const late = await bySdk(api, 1)
  assert.notEqual(late.body.id, first.body.id)
  const withKey = await postOrder(api.url, orderForm(), { 'idempotency-key': 'k', 'x-stainless-retry-count': '1' })
  assert.equal(withKey.headers.get('idempotency-replayed'), null)
})

test('the digest tells requests apart by what differs from the defaults, and by the files in their order', () => {
  const files = ['r', 'a', 'b'].map((sha256) => ({ sha256 }))
  const of = (texts: Record<string, string>, sent = files) =>
    digestOf(readParameters(new Map(Object.entries(texts)) as Map<ParameterName, string>), sent)
  assert.equal(of({}), of({ steps: '50', fps: '24.0' }))
  assert.equal(of({ steps: '7', fps: '25' }), of({ fps: '25', steps: '7' }))
  assert.equal(of({ background: '#A0B1C2' }), of({ background: '#a0b1c2' }))
  const different = [
    of({}),
    of({ steps: '7' }),
    of({ fps: '8' }),
    of({ seed: '-1' }),
    of({}, files.toReversed()),
    of({ background: '#000000' }),
  ]
  assert.equal(new Set(different).size, different.length)
})
