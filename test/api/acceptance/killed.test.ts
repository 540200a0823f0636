import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { readinessSchema } from '../../../api/openapi/service-schemas.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { connectTemporal } from '../../../infra/temporal/temporal.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import { orderForm, postOrder } from '../../support/api/api-orders.js'
import { startApiProcess } from '../../support/api/api-process.js'
import { type Fault, faultProxy } from '../../support/faults/fault-proxy.js'
import { ownBucket } from '../../support/own-bucket.js'
import { testStack } from '../../support/test-stack.js'

// In a bucket of its own, so that all that is left can be seen; the stack's workers find no inputs there, which is no matter.
const stack = testStack()
const s3 = await ownBucket(stack, 'killed')
const proxy = await faultProxy(stack.s3.S3_ENDPOINT)
const settings = { ...s3, S3_ENDPOINT: proxy.url }
const store = await connectObjectStore(s3)
const temporal = await connectTemporal({
  TEMPORAL_ADDRESS: stack.temporalAddress,
  TEMPORAL_NAMESPACE: stack.namespace,
})
/** The API that those who come back after a crash meet. */
const other = await startApiProcess(stack, settings)
after(async () => {
  await other[Symbol.asyncDispose]()
  for (const id of await storedVideos()) {
    await temporal.client.workflow
      .getHandle(id)
      .terminate()
      .catch(() => undefined)
  }
  for (const prefix of ['videos/', objectKeys.claims]) await store.removeAll(prefix)
  await store[Symbol.asyncDispose]()
  await temporal[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
})

async function storedVideos(): Promise<string[]> {
  const ids = new Set<string>()
  for await (const { key } of store.list('videos/')) ids.add(key.split('/')[1] ?? '')
  return [...ids]
}

async function isStarted(id: string): Promise<boolean> {
  return temporal.client.workflow
    .getHandle(id)
    .describe()
    .then(
      () => true,
      () => false,
    )
}

const toOrder = /^PUT \/[^/]+\/videos\/[^/]+\/order\.json/
const toClaim = /^PUT \/[^/]+\/claims\//

// Where the process ends, and whether the claim is written by then.
for (const [when, write, fault] of [
  ['before the order is stored', toOrder, 'stall'],
  ['when the order is stored', toOrder, 'lose-answer'],
  ['before its claim is stored', toClaim, 'stall'],
  ['when its claim is stored, before the start', toClaim, 'lose-answer'],
] as const satisfies readonly (readonly [string, RegExp, Fault])[]) {
  test(`an API killed ${when} has started nothing, and the same key gets one video from another`, async () => {
    const headers = { 'idempotency-key': randomBytes(8).toString('hex') }
    const earlier = await storedVideos()
    const dying = await startApiProcess(stack, settings)
    // Every try: the process gets no further.
    proxy.fault = (seen) => (write.test(seen) ? fault : 'none')
    proxy.seen.length = 0
    const posting = postOrder(dying.url, orderForm(), headers)
    posting.catch(() => undefined)
    while (!proxy.seen.some((seen) => write.test(seen))) await sleep(5)
    if (fault === 'lose-answer') await sleep(50) // carried out, and perhaps asked for again
    await dying.kill()
    await assert.rejects(posting)
    proxy.fault = () => 'none'
    const left = (await storedVideos()).filter((id) => !earlier.includes(id))
    for (const id of left) assert.equal(await isStarted(id), false)

    const [first, second] = await Promise.all([1, 2].map(() => postOrder(other.url, orderForm(), headers)))
    assert.deepEqual([first?.status, second?.status, first?.body.id], [200, 200, second?.body.id])
    const isClaimed = write === toClaim && fault === 'lose-answer'
    // A claimed video is that of the request that died; else its leftovers are the sweep's.
    assert.equal(left.includes(first?.body.id), isClaimed)
    const started = await Promise.all((await storedVideos()).filter((id) => !earlier.includes(id)).map(isStarted))
    assert.equal(started.filter(Boolean).length, 1)
  })
}

/** An upload that has begun and waits for its end. */
async function beginUpload(url: string): Promise<{ req: ClientRequest; end: () => Promise<IncomingMessage> }> {
  const source = new Request(url, { method: 'POST', body: orderForm() })
  const body = Buffer.from(await source.arrayBuffer())
  const headers = {
    'content-type': source.headers.get('content-type') ?? '',
    'content-length': body.length,
    expect: '100-continue',
  }
  const req = request(`${url}/v1/videos`, { method: 'POST', headers })
  req.flushHeaders()
  await once(req, 'continue') // it has its place
  req.write(body.subarray(0, 1000))
  return {
    req,
    async end() {
      req.end(body.subarray(1000))
      const [answer] = (await once(req, 'response')) as [IncomingMessage]
      return answer
    },
  }
}

test('an API that is asked to end finishes its uploads, and refuses new ones on old and new connections alike', async () => {
  const api = await startApiProcess(stack, settings)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (path: string, method: string): Promise<{ answer: IncomingMessage; body: string }> =>
    new Promise((resolve, reject) => {
      const req = request(`${api.url}${path}`, { method, agent, headers: { 'content-type': 'multipart/form-data' } })
      req.on('error', reject).on('response', (answer: IncomingMessage) => {
        answer.toArray().then((chunks) => resolve({ answer, body: Buffer.concat(chunks).toString() }), reject)
      })
      req.end()
    })
  assert.equal((await ask('/healthz', 'GET')).answer.statusCode, 200)
  const upload = await beginUpload(api.url)

  const drained = api.drain()
  for (;;) {
    const answer = await fetch(`${api.url}/readyz`)
    const { status } = readinessSchema.parse(await answer.json())
    if (status === 'draining') break
    await sleep(20)
  }
  const kept = await ask('/v1/videos', 'POST')
  const fresh = await fetch(`${api.url}/v1/videos`, { method: 'POST', body: orderForm() })
  for (const [status, retryAfter, body] of [
    [kept.answer.statusCode, kept.answer.headers['retry-after'], JSON.parse(kept.body)],
    [fresh.status, fresh.headers.get('retry-after'), await fresh.json()],
  ]) {
    assert.deepEqual([status, errorSchema.parse(body).error.type], [503, 'draining'])
    assert.ok(Number(retryAfter) > 0)
  }

  const answer = await upload.end()
  const video = JSON.parse(Buffer.concat(await answer.toArray()).toString()) as { id: string }
  assert.equal(answer.statusCode, 200)
  assert.ok(await isStarted(video.id))
  assert.equal(await drained, 0)
  agent.destroy()
})
