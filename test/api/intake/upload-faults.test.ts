import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { after, afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { MultipartUpload } from '../../../infra/s3/multipart-upload.js'
import { PartPool, partBytes } from '../../../infra/s3/part-pool.js'
import { createS3Client } from '../../../infra/s3/s3-client.js'
import { StartProblem } from '../../../infra/program/start-problem.js'
import { connectObjectStore, StorageAway } from '../../../infra/s3/s3-object-store.js'
import { type Fault, faultProxy } from '../../support/faults/fault-proxy.js'
import { testStack } from '../../support/test-stack.js'

const { s3: settings } = testStack()
const proxy = await faultProxy(settings.S3_ENDPOINT)
const store = await connectObjectStore({ ...settings, S3_ENDPOINT: proxy.url })
const direct = createS3Client(settings)
const prefix = `test/${randomUUID()}/`
const piece = Buffer.alloc(2 ** 20, 'text2video')

afterEach(() => {
  proxy.fault = () => 'none'
  proxy.seen.length = 0
})
after(async () => {
  await store.removeAll(prefix)
  await store[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  direct.destroy()
})

async function* mebibytes(count: number) {
  for (let n = 0; n < count; n += 1) yield piece
}

/** Lets the requests that match fail, `times` times. */
function failing(pattern: RegExp, fault: Fault, times: number) {
  let left = times
  return (seen: string): Fault => {
    if (left === 0 || !pattern.test(seen)) return 'none'
    left -= 1
    return fault
  }
}

async function assertNothingLeft(key: string): Promise<void> {
  const found = await direct.send(new ListMultipartUploadsCommand({ Bucket: settings.S3_BUCKET, Prefix: key }))
  assert.deepEqual(found.Uploads ?? [], [])
  assert.equal((await store.get(key)).kind, 'missing')
}

const partSent = /^PUT .*partNumber=2/
const completion = /^POST .*uploadId=/
const removal = /^DELETE .*uploadId=/

for (const [what, pattern, fault] of [
  ['a part is answered 503', partSent, 'busy'],
  ['a part is cut off', partSent, 'reset'],
  ['the answer to a part is lost', partSent, 'lose-answer'],
  ['the completion is answered 503', completion, 'busy'],
  ['the answer to the completion is lost', completion, 'lose-answer'],
] as const) {
  test(`an upload succeeds although ${what} once`, async () => {
    const key = `${prefix}${fault}-${pattern === partSent ? 'part' : 'completion'}`
    proxy.fault = failing(pattern, fault, 1)
    const uploaded = await store.upload(key, mebibytes(20))
    const got = await store.get(key)
    assert.ok(got.kind === 'whole')
    const hash = createHash('sha256')
    for await (const chunk of got.body) hash.update(chunk as Buffer)
    assert.equal(hash.digest('hex'), uploaded.sha256)
    assert.equal(got.etag, uploaded.etag)
  })
}

test('a source that fails leaves nothing behind, even if the removal must be tried again', async () => {
  proxy.fault = failing(removal, 'busy', 5)
  async function* broken() {
    yield* mebibytes(20)
    throw new Error('the sender went away')
  }
  await assert.rejects(store.upload(`${prefix}broken`, broken()), /the sender went away/)
  assert.ok(proxy.seen.filter((seen) => removal.test(seen)).length > 5)
  await assertNothingLeft(`${prefix}broken`)
})

test('a source that fails within its first part leaves nothing behind', async () => {
  async function* broken() {
    yield piece
    throw new Error('the sender went away')
  }
  await assert.rejects(store.upload(`${prefix}short`, broken()), /the sender went away/)
  await assertNothingLeft(`${prefix}short`)
})

test('an abort ends an upload whose sender stands still, and leaves nothing behind', async () => {
  const stop = new AbortController()
  const body = new Readable({ read() {} })
  for (let n = 0; n < 20; n += 1) body.push(piece)
  const upload = store.upload(`${prefix}still`, body, { signal: stop.signal })
  while (!proxy.seen.some((seen) => partSent.test(seen))) await sleep(10)
  stop.abort(new Error('enough'))
  await assert.rejects(upload, /enough/)
  assert.ok(body.destroyed)
  await assertNothingLeft(`${prefix}still`)
})

test('an abort cancels a part that S3 does not take', async () => {
  const stop = new AbortController()
  proxy.fault = failing(partSent, 'stall', 1)
  const upload = store.upload(`${prefix}stalled`, mebibytes(40), { signal: stop.signal })
  while (!proxy.seen.some((seen) => partSent.test(seen))) await sleep(10)
  stop.abort(new Error('enough'))
  await assert.rejects(upload, /enough/)
  await assertNothingLeft(`${prefix}stalled`)
})

test('a part that S3 refuses again and again ends an upload whose sender stands still', async () => {
  proxy.fault = failing(partSent, 'busy', 100)
  const body = new Readable({ read() {} })
  for (let n = 0; n < 20; n += 1) body.push(piece)
  await assert.rejects(store.upload(`${prefix}refused`, body), StorageAway)
  assert.ok(body.destroyed)
  await assertNothingLeft(`${prefix}refused`)
})

test('more uploads than buffers all end, within the memory that is allowed', async () => {
  const pool = new PartPool(3 * 8)
  const s3 = createS3Client(settings)
  const keys = [1, 2, 3, 4, 5, 6].map((n) => `${prefix}pool/${n}`)
  const results = await Promise.all(
    keys.map((key) =>
      new MultipartUpload({ s3, pool, bucket: settings.S3_BUCKET, key, contentType: undefined }).run(mebibytes(18)),
    ),
  )
  s3.destroy()
  assert.deepEqual(
    results.map(({ bytes }) => bytes),
    keys.map(() => 18 * 2 ** 20),
  )
  assert.deepEqual({ peak: pool.peak, out: pool.out }, { peak: 3, out: 0 })
})

test('an upload that waits for a buffer can be aborted, and failed ones give theirs back', async () => {
  const pool = new PartPool(2 * 8)
  const taken = [await pool.take(), await pool.take()]
  const stop = new AbortController()
  const target = { s3: direct, pool, bucket: settings.S3_BUCKET, key: `${prefix}waits`, contentType: undefined }
  const waiting = new MultipartUpload(target, stop.signal).run(mebibytes(1))
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  for (const buffer of taken) pool.give(buffer)

  async function* broken() {
    yield* mebibytes(17)
    throw new Error('the sender went away')
  }
  await assert.rejects(new MultipartUpload(target).run(broken()), /the sender went away/)
  assert.equal(pool.out, 0)
  assert.equal((await pool.take()).length, partBytes)
})

test('a destroyed body stops the reading from S3', async () => {
  const bytes = 64 * 2 ** 20
  await store.upload(`${prefix}large`, mebibytes(64))
  proxy.answered = 0
  const got = await store.get(`${prefix}large`)
  assert.ok(got.kind === 'whole')
  for await (const _ of got.body) break // leaving the loop destroys the stream
  await sleep(300)
  assert.ok(proxy.answered < bytes / 2, `${proxy.answered} of ${bytes} bytes were read`)
})

test('an S3 that is not there is told apart from everything else', async () => {
  const nobody = { ...settings, S3_ENDPOINT: 'http://127.0.0.1:1' }
  await assert.rejects(connectObjectStore(nobody), StartProblem)
  proxy.fault = () => 'busy'
  await assert.rejects(store.get(`${prefix}x`), StorageAway)
  await assert.rejects(store.ping(), StorageAway)
  await assert.rejects(store.put(`${prefix}x`, 'x'), StorageAway)
})

test('a ping gives up on an S3 that does not answer', async () => {
  proxy.fault = () => 'stall'
  await assert.rejects(store.ping(), StorageAway)
})
