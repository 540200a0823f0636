import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import test from 'node:test'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import type { VideoMemo } from '../../../workflows/video.js'
import { eventually, startTestApi, type TestApi } from '../../support/api/api-fixture.js'

const file = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251))
const sha256 = createHash('sha256').update(file).digest('hex')
const ids = { done: 'video_1766454718_aaaaaaaaaa', other: 'video_1766454718_bbbbbbbbbb' }

const memo: VideoMemo = {
  ...{ phase: 'completed', prompt: '', width: 448, height: 832, seconds: 3.5, work: 10, tokens: 1 },
  ...{ createdAt: 1_000_000_000_000, startedAt: 1_000_000_001_000, endedAt: 1_000_000_009_000 },
  file: { bytes: file.length, sha256, frames: 84, seconds: 3.5 },
}

/** An API with one completed video, and another in the phase that a test wants. */
async function withVideos(other: Partial<VideoMemo> = {}): Promise<TestApi> {
  const api = await startTestApi()
  api.started.push({ id: ids.done, memo, options: {} }, { id: ids.other, memo: { ...memo, ...other }, options: {} })
  api.store.objects.set(`videos/${ids.done}/output.mp4`, file)
  return api
}

const content = (api: TestApi, headers: Record<string, string> = {}, method = 'GET', id = ids.done) =>
  fetch(`${api.url}/v1/videos/${id}/content`, { headers, method })

async function refusalOf(answer: Response): Promise<[number, string]> {
  const { error } = errorSchema.parse(await answer.json())
  assert.equal(error.code, String(answer.status))
  return [answer.status, error.type]
}

test('a video is read with one answer of the contract; no other id is one', async () => {
  await using api = await withVideos()
  const answer = await fetch(`${api.url}/v1/videos/${ids.done}`)
  const video = videoSchema.parse(await answer.json())
  assert.deepEqual([video.status, video.progress, video.seconds, video.duration], ['completed', 100, '3', 8])
  assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]{8,64}$/)
  assert.equal(answer.headers.get('x-powered-by'), null)
  for (const id of ['video_1766454718_cccccccccc', 'video_1', '__proto__', '..%2f..%2fnodes', 'x'.repeat(3000)]) {
    assert.deepEqual(await refusalOf(await fetch(`${api.url}/v1/videos/${id}`)), [404, 'not_found'])
  }
})

test('the file comes whole, with its digest as ETag and a name of ours', async () => {
  await using api = await withVideos()
  const answer = await content(api)
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), file)
  const { headers } = answer
  assert.deepEqual(
    ['content-type', 'content-length', 'etag', 'accept-ranges'].map((name) => headers.get(name)),
    ['video/mp4', '10000', `"${sha256}"`, 'bytes'],
  )
  assert.match(headers.get('content-disposition') ?? '', new RegExp(`^attachment; filename="?${ids.done}\\.mp4"?$`))
  const head = await content(api, {}, 'HEAD')
  assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '10000', ''])
})

test('ranges: one is served, several and broken ones are not asked for, one outside is refused', async () => {
  await using api = await withVideos()
  const cases: [string, number, number, string | null][] = [
    ['bytes=0-99', 206, 100, 'bytes 0-99/10000'],
    ['bytes=9990-', 206, 10, 'bytes 9990-9999/10000'],
    ['bytes=-5', 206, 5, 'bytes 9995-9999/10000'],
    ['bytes=5-1000000', 206, 9995, 'bytes 5-9999/10000'],
    ['bytes=0-1,5-6', 200, 10_000, null],
    ['bytes=x', 200, 10_000, null],
    ['pages=1-2', 200, 10_000, null],
  ]
  for (const [range, status, length, contentRange] of cases) {
    const answer = await content(api, { range })
    const got = Buffer.from(await answer.arrayBuffer())
    assert.deepEqual([answer.status, got.length, answer.headers.get('content-range')], [status, length, contentRange])
    const start = Number(/bytes (\d+)/.exec(contentRange ?? '')?.[1] ?? 0)
    assert.deepEqual(got, file.subarray(start, start + length))
  }
  const outside = await content(api, { range: 'bytes=10000-' })
  assert.equal(outside.headers.get('content-range'), 'bytes */10000')
  assert.equal(outside.headers.get('etag'), null)
  assert.deepEqual(await refusalOf(outside), [416, 'range_not_satisfiable'])
  assert.equal((await content(api, { range: 'bytes=0-9', 'if-range': '"other"' })).status, 200)
  assert.equal((await content(api, { range: 'bytes=0-9', 'if-range': `"${sha256}"` })).status, 206)
})

test('a client that has the file is told so, and nothing is read from S3', async () => {
  await using api = await withVideos()
  api.store.get = () => Promise.reject(new Error('read'))
  for (const match of [`"${sha256}"`, `W/"${sha256}"`, `"x", "${sha256}"`, '*']) {
    const answer = await content(api, { 'if-none-match': match, 'cache-control': 'max-age=0' })
    assert.deepEqual([answer.status, await answer.text()], [304, ''])
  }
  assert.deepEqual(await refusalOf(await content(api)), [503, 'unavailable'])
})

test('before it is completed the file is a 409 that says when to come back; a failed one never will be', async () => {
  const phases: [Partial<VideoMemo>, number, string][] = [
    [{ phase: 'queued' }, 409, 'video_not_ready'],
    [{ phase: 'processing' }, 409, 'video_not_ready'],
    [{ phase: 'failed', error: { code: 'out_of_memory', detail: 'too large' } }, 409, 'video_failed'],
    [{ phase: 'cancelled' }, 409, 'video_failed'],
    [{ phase: 'deleting' }, 404, 'not_found'],
  ]
  for (const [changes, status, type] of phases) {
    await using api = await withVideos(changes)
    const answer = await content(api, {}, 'GET', ids.other)
    assert.equal(answer.headers.has('retry-after'), type === 'video_not_ready')
    assert.equal(answer.headers.get('x-should-retry'), type === 'video_failed' ? 'false' : null)
    assert.match(answer.headers.get('content-type') ?? '', /json/)
    assert.deepEqual(await refusalOf(answer), [status, type])
  }
})

test('reading from S3 stops when the client leaves, and goes no faster than it reads', async () => {
  await using api = await withVideos({ file: { bytes: 1e9, sha256, frames: 1, seconds: 1 } })
  let produced = 0
  let ended = false
  async function* endless() {
    try {
      for (;;) {
        await Promise.resolve()
        produced += 65_536
        yield Buffer.alloc(65_536)
      }
    } finally {
      ended = true
    }
  }
  api.store.get = () => Promise.resolve({ kind: 'whole', body: Readable.from(endless()), bytes: 1e9, etag: '' })
  const socket = connect(api.port, '127.0.0.1')
  socket.write(`GET /v1/videos/${ids.other}/content HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  socket.pause()
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.ok(produced < 100e6, `${produced} bytes were read ahead`)
  assert.equal(ended, false)
  socket.destroy()
  await eventually(() => ended, 'the read has ended')
})

test('wrong methods, unknown addresses and broken ones are JSON errors', async () => {
  await using api = await withVideos()
  const cases: [string, string, number, string][] = [
    ['GET', '/v1/videos', 405, 'POST'],
    ['PUT', `/v1/videos/${ids.done}`, 405, 'GET, HEAD, DELETE'],
    ['DELETE', `/v1/videos/${ids.done}/content`, 405, 'GET, HEAD'],
    ['GET', `/v1/videos/${ids.done}/cancel`, 405, 'POST'],
    ['POST', '/healthz', 405, 'GET, HEAD'],
    ['POST', '/', 405, 'GET, HEAD'],
    ['POST', '/docs', 405, 'GET, HEAD'],
    ['GET', '/v2', 404, ''],
    ['GET', '/v1/videos/%zz', 400, ''],
  ]
  for (const [method, path, status, allow] of cases) {
    const answer = await fetch(`${api.url}${path}`, { method })
    assert.equal(answer.headers.get('allow') ?? '', allow)
    assert.equal((await refusalOf(answer))[0], status, `${method} ${path}`)
  }
})

test('a request id of the client is kept if it is one', async () => {
  await using api = await withVideos()
  const idOf = async (id: string) =>
    (await fetch(`${api.url}/healthz`, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
  assert.equal(await idOf('abcd-1234_X'), 'abcd-1234_X')
  for (const id of ['short', 'a'.repeat(65), 'with space']) assert.notEqual(await idOf(id), id)
})

test('with Temporal away a video is a 503 with retry-after', async () => {
  await using api = await withVideos()
  api.temporal.describe = 'refuses'
  const answer = await fetch(`${api.url}/v1/videos/${ids.done}`)
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
  assert.deepEqual(await refusalOf(answer), [503, 'unavailable'])
})

test('the root leads to the documents', async () => {
  await using api = await withVideos()
  const root = await fetch(`${api.url}/`)
  assert.deepEqual([root.url, root.status], [`${api.url}/docs/`, 200])
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as any
  assert.equal(document.openapi, '3.1.0')
})
