import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorSchema } from '../../api/openapi/openapi.js'
import { readinessSchema } from '../../api/openapi/service-schemas.js'
import { type VideoAnswer, videoSchema } from '../../api/videos/video-schema.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { picture, toneWav } from '../support/api/api-media.js'
import { startApiProcess } from '../support/api/api-process.js'
import { testStack } from '../support/test-stack.js'

const { apiUrl, s3 } = testStack()

async function order(changes: Record<string, string> = {}): Promise<VideoAnswer> {
  const form = new FormData()
  form.append('input_reference', new Blob([await picture('png', 256, 256)]), 'ref.png')
  form.append('audio', new Blob([toneWav(1)]), '1.wav')
  for (const [name, text] of Object.entries({ steps: '2', ...changes })) form.append(name, text)
  const answer = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form })
  const body = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(body))
  return videoSchema.parse(body)
}

/** Polls as a client does, and checks each answer against the schema and the one before it. */
async function follow(id: string, until: VideoAnswer['status']): Promise<VideoAnswer> {
  let last: VideoAnswer | undefined
  for (;;) {
    const answer = await fetch(`${apiUrl}/v1/videos/${id}`)
    const video = videoSchema.parse(await answer.json())
    assert.ok(video.progress >= (last?.progress ?? 0), `progress fell from ${last?.progress} to ${video.progress}`)
    assert.equal(video.progress === 100, video.status === 'completed')
    assert.notEqual(video.status, until === 'completed' ? 'error' : 'completed', video.error)
    if (video.status === until) return video
    last = video
    await sleep(100)
  }
}

async function objectsOf(id: string): Promise<string[]> {
  await using store = await connectObjectStore(s3)
  const keys: string[] = []
  for await (const { key } of store.list(`videos/${id}/`)) keys.push(key)
  return keys
}

const refusal = async (answer: Response) => {
  const { error } = errorSchema.parse(await answer.json())
  return [answer.status, error.type]
}

test('the parts that the API needs answer', async () => {
  const answer = await fetch(`${apiUrl}/readyz`)
  const { status, parts } = readinessSchema.parse(await answer.json())
  assert.deepEqual([answer.status, status], [200, 'ready'], JSON.stringify(parts))
})

test('a video is ordered, followed, downloaded in whole and in parts, and deleted with all of its objects', async () => {
  const ordered = await order({ prompt: 'line one\nline two $###$' })
  assert.equal(ordered.status, 'queued')
  const early = await fetch(`${apiUrl}/v1/videos/${ordered.id}/content`)
  if (early.status === 409) assert.ok(early.headers.has('retry-after'))
  await early.arrayBuffer()

  const video = await follow(ordered.id, 'completed')
  assert.ok(video.completed_at !== null && video.expires_at !== null && video.queue_length === 0)
  const path = `${apiUrl}/v1/videos/${video.id}/content`
  const whole = await fetch(path)
  const bytes = Buffer.from(await whole.arrayBuffer())
  assert.equal(bytes.toString('latin1', 4, 8), 'ftyp')
  const etag = whole.headers.get('etag') ?? ''
  assert.equal(etag, `"${createHash('sha256').update(bytes).digest('hex')}"`)
  const part = await fetch(path, { headers: { range: 'bytes=100-199' } })
  assert.deepEqual([part.status, Buffer.from(await part.arrayBuffer())], [206, bytes.subarray(100, 200)])
  const head = await fetch(path, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(bytes.length)])
  const same = await fetch(path, { headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' } })
  assert.equal(same.status, 304)

  const deleted = await fetch(`${apiUrl}/v1/videos/${video.id}`, { method: 'DELETE' })
  assert.equal(videoSchema.parse(await deleted.json()).status, 'deleted')
  assert.deepEqual(await objectsOf(video.id), [])
  for (const method of ['GET', 'DELETE']) {
    assert.deepEqual(await refusal(await fetch(`${apiUrl}/v1/videos/${video.id}`, { method })), [404, 'not_found'])
  }
  assert.deepEqual(await refusal(await fetch(path)), [404, 'not_found'])
})

test('a video that is being processed cannot be deleted; one that waits can, and leaves the queue', async () => {
  // More than the nodes of the stack can take at once.
  const videos = await Promise.all(Array.from({ length: 4 }, () => order({ steps: '100' })))
  const [first] = await Promise.race(videos.map(async ({ id }) => [id, await follow(id, 'processing')] as const))
  assert.deepEqual(await refusal(await fetch(`${apiUrl}/v1/videos/${first}`, { method: 'DELETE' })), [
    400,
    'video_is_processing',
  ])
  for (const { id } of videos) {
    for (;;) {
      const answer = await fetch(`${apiUrl}/v1/videos/${id}`, { method: 'DELETE' })
      const body = await answer.json()
      if (answer.status === 200) break
      assert.equal(errorSchema.parse(body).error.type, 'video_is_processing')
      await sleep(200)
    }
    assert.deepEqual(await objectsOf(id), [])
  }
})

test('a refused order leaves nothing in the bucket', async () => {
  const form = new FormData()
  form.append('audio', new Blob([toneWav(1)]), '1.wav')
  form.append('input_reference', new Blob([Buffer.from('no picture')]), 'ref.png')
  const answer = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form })
  assert.deepEqual(await refusal(answer), [400, 'invalid_file'])
})

test('an API knows the names and the proxies of its settings', async () => {
  const settings = { ALLOWED_HOSTS: 'video.example.com', TRUSTED_PROXIES: '127.0.0.1' }
  await using api = await startApiProcess(testStack(), settings)
  const statusOf = async (headers: Record<string, string>) => {
    const sent = request(`${api.url}/healthz`, { headers, agent: false }).end()
    const [res] = await once(sent, 'response')
    res.resume()
    return res.statusCode
  }
  assert.equal(await statusOf({ host: 'video.example.com' }), 200)
  assert.equal(await statusOf({ host: 'evil.example' }), 403)
  assert.equal(await statusOf({ 'x-forwarded-host': 'video.example.com', host: 'inner' }), 200)
  assert.equal(await statusOf({ 'x-forwarded-host': 'evil.example' }), 403)
})
