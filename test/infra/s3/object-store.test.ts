import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { after, test } from 'node:test'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { createS3Client } from '../../../infra/s3/s3-client.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { testStack } from '../../support/test-stack.js'

const { s3: settings } = testStack()
const store = await connectObjectStore(settings)
const s3 = createS3Client(settings)
const prefix = `test/${randomUUID()}/`
const MiB = 2 ** 20

after(async () => {
  await store.removeAll(prefix)
  await store[Symbol.asyncDispose]()
  s3.destroy()
})

/** Bytes that tell their place, so that a part in the wrong one is seen. */
function patterned(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4)).map((_, index) => Math.imul(index, 2654435761))
  return Buffer.from(words.buffer, 0, bytes)
}

async function* pieces(whole: Buffer, size: number) {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

async function stored(key: string): Promise<Buffer> {
  const got = await store.get(key)
  assert.ok(got.kind === 'whole', `${key} is ${got.kind}`)
  return Buffer.concat(await got.body.toArray())
}

async function etagOf(key: string): Promise<string> {
  const got = await store.get(key)
  assert.ok(got.kind === 'whole', `${key} is ${got.kind}`)
  got.body.destroy()
  return got.etag
}

async function unfinished(key: string): Promise<number> {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: settings.S3_BUCKET, Prefix: key }))
  return Uploads.length
}

for (const [what, bytes, piece] of [
  ['nothing at all', 0, 1],
  ['a few bytes', 10, 3],
  ['exactly one part', 8 * MiB, 70_001],
  ['one byte more than a part', 8 * MiB + 1, 65_536],
  ['exactly two parts', 16 * MiB, 9 * MiB],
  ['three parts in one piece', 20 * MiB + 7, 21 * MiB],
] as const) {
  test(`an upload of ${what} is stored as it is`, async () => {
    const whole = patterned(bytes)
    const key = `${prefix}${bytes}`
    const uploaded = await store.upload(key, pieces(whole, piece), { contentType: 'video/mp4' })
    assert.equal(uploaded.bytes, bytes)
    assert.equal(uploaded.sha256, sha256(whole))
    assert.ok(whole.equals(await stored(key)))
    assert.equal(await etagOf(key), uploaded.etag)
    assert.equal(await unfinished(key), 0)
  })
}

test('however the body is cut, the same object is stored', async () => {
  const whole = patterned(8 * MiB + 12_345)
  const cuts = fc.array(fc.integer({ min: 1, max: 3 * MiB }), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(cuts, async (sizes) => {
      async function* cut() {
        let at = 0
        for (let turn = 0; at < whole.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          // Small pieces for a while, then large ones: small ones alone would take too long.
          const end = turn < 200 ? at + size : at + MiB
          yield whole.subarray(at, end)
          at = end
        }
      }
      const uploaded = await store.upload(`${prefix}cut`, cut())
      assert.deepEqual([uploaded.bytes, uploaded.sha256], [whole.length, sha256(whole)])
      assert.equal(sha256(await stored(`${prefix}cut`)), uploaded.sha256)
    }),
    { numRuns: 8 },
  )
})

test('a range gives that part and says where it lies', async () => {
  const whole = patterned(1000)
  await store.put(`${prefix}range`, whole)
  for (const [range, from, to] of [
    ['bytes=0-9', 0, 10],
    ['bytes=990-', 990, 1000],
    ['bytes=-5', 995, 1000],
    ['bytes=998-2000', 998, 1000],
  ] as const) {
    const got = await store.get(`${prefix}range`, { range })
    assert.ok(got.kind === 'part', range)
    assert.deepEqual(Buffer.concat(await got.body.toArray()), whole.subarray(from, to))
    assert.equal(got.bytes, to - from)
    assert.equal(got.contentRange, `bytes ${from}-${to - 1}/1000`)
  }
  assert.deepEqual(await store.get(`${prefix}range`, { range: 'bytes=1000-' }), { kind: 'bad-range' })
})

test('a range that is none, and several ranges, give the whole', async () => {
  await store.put(`${prefix}ranges`, 'whole')
  for (const range of ['bytes=0-1,3-4', 'bytes=x', 'lines=1-2', 'bytes=-']) {
    const got = await store.get(`${prefix}ranges`, { range })
    assert.ok(got.kind === 'whole', range)
    got.body.destroy()
  }
})

test('what is not there is missing, and undefined', async () => {
  assert.deepEqual(await store.get(`${prefix}nothing`), { kind: 'missing' })
  assert.equal(await store.read(`${prefix}nothing`), undefined)
})

test('read gives a small object whole and refuses a large one', async () => {
  await store.put(`${prefix}small`, '{"a":1}', { contentType: 'application/json' })
  assert.equal(String(await store.read(`${prefix}small`)), '{"a":1}')
  await assert.rejects(store.read(`${prefix}small`, 3), RangeError)
})

test('a read URL gives the object to whoever has it', async () => {
  await store.put(`${prefix}shared`, 'for a child process')
  const answer = await fetch(await store.readUrl(`${prefix}shared`, 60))
  assert.equal(await answer.text(), 'for a child process')
})

for (const hours of [1, -1]) {
  test(`a clock that jumps by ${hours} h changes nothing, URLs for others included`, async (context) => {
    await using jumped = await connectObjectStore(settings)
    const key = `${prefix}clock${hours}`
    const clock = Date.now
    context.mock.method(Date, 'now', () => clock() + hours * 3_600_000)
    await jumped.put(key, 'bytes') // refused at first: here the client learns the server's time
    assert.equal(String(await jumped.read(key)), 'bytes')
    const answer = await fetch(await jumped.readUrl(key, 60))
    assert.equal(await answer.text(), 'bytes')
  })
}

test('removeAll removes objects and unfinished uploads under its prefix, and nothing else', async () => {
  const ours = `${prefix}remove/a`
  await Promise.all([1, 2, 3].map((n) => store.put(`${ours}/${n}`, 'x')))
  await store.put(`${prefix}remove/ab`, 'stays')
  const { CreateMultipartUploadCommand } = await import('@aws-sdk/client-s3')
  for (const Key of [`${ours}/upload`, `${prefix}remove/b`]) {
    await s3.send(new CreateMultipartUploadCommand({ Bucket: settings.S3_BUCKET, Key }))
  }
  assert.equal(await store.removeAll(`${ours}/`), 4)
  const left = []
  for await (const { key } of store.list(`${prefix}remove/`)) left.push(key)
  assert.deepEqual(left, [`${prefix}remove/ab`])
  assert.equal(await unfinished(`${ours}/upload`), 0)
  assert.equal(await unfinished(`${prefix}remove/b`), 1)
  assert.equal(await store.removeAll(`${ours}/`), 0)
})

test('removeAll removes more objects than S3 lists at once', async () => {
  const keys = Array.from({ length: 1_005 }, (_, n) => `${prefix}many/${n}`)
  for (let at = 0; at < keys.length; at += 100) {
    await Promise.all(keys.slice(at, at + 100).map((key) => store.put(key, '')))
  }
  assert.equal(await store.removeAll(`${prefix}many/`), 1_005)
})

test('of several that create one object at once, one does, and only who knows the last one replaces it', async () => {
  const key = `${prefix}claim.json`
  const created = await Promise.all(['a', 'b', 'c', 'd'].map((body) => store.create(key, body)))
  assert.equal(created.filter(Boolean).length, 1)
  assert.equal(String(await stored(key)), ['a', 'b', 'c', 'd'][created.indexOf(true)])
  const etag = await etagOf(key)
  const replaced = await Promise.all(['e', 'f'].map((body) => store.replace(key, body, etag)))
  assert.equal(replaced.filter(Boolean).length, 1)
  assert.equal(await store.replace(key, 'g', etag), false)
  assert.equal(String(await stored(key)), ['e', 'f'][replaced.indexOf(true)])
  assert.equal(await store.replace(`${key}.never`, 'x', etag), false)
})

test('an object is poured whole or in part; where there is none, nothing is written', async () => {
  const whole = patterned(3 * MiB + 5)
  const key = `${prefix}poured`
  await store.upload(key, pieces(whole, MiB))
  const { signal } = new AbortController()
  const pour = async (of: string, range?: string): Promise<[string, Buffer]> => {
    const written: Buffer[] = []
    const sink = new Writable({
      write(piece: Buffer, _encoding, done) {
        written.push(Buffer.from(piece))
        done()
      },
    })
    let answers = 0
    const onAnswer = () => void answers++
    const outcome = await store.pour(of, sink, { signal, onAnswer, ...(range !== undefined && { range }) })
    assert.deepEqual([answers, sink.writableFinished], [1, outcome === 'poured'])
    return [outcome, Buffer.concat(written)]
  }
  const [all, part] = [await pour(key), await pour(key, 'bytes=1000000-2999999')]
  assert.deepEqual([all[0], sha256(all[1])], ['poured', sha256(whole)])
  assert.deepEqual([part[0], sha256(part[1])], ['poured', sha256(whole.subarray(1_000_000, 3_000_000))])
  assert.deepEqual(await pour(key, 'bytes=9000000-'), ['bad-range', Buffer.alloc(0)])
  assert.deepEqual(await pour(`${prefix}nothing-here`), ['missing', Buffer.alloc(0)])
})
