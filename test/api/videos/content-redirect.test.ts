import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import test, { after } from 'node:test'
import { promisify } from 'node:util'
import { newVideoId } from '../../../api/acceptance/video-id.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import { startApiProcess } from '../../support/api/api-process.js'
import { completedVideo } from '../../support/video/completed-video.js'
import { outsideServers, runProgram } from '../../support/run-program.js'
import { tcpFaultProxy } from '../../support/faults/tcp-fault-proxy.js'
import { testStack } from '../../support/test-stack.js'

const stack = testStack()
const bytes = 300_000
const id = newVideoId()
const s3 = new URL(stack.s3.S3_ENDPOINT)
const store = await connectObjectStore(stack.s3)
const video = await completedVideo(stack, store, { id, bytes })
// Another address of the same S3, which only clients use.
const front = await tcpFaultProxy(s3.host)
const publicEndpoint = `http://${front.address}`
const api = await startApiProcess(stack, { CONTENT_REDIRECT: 'true', S3_PUBLIC_ENDPOINT: publicEndpoint })
const path = `${api.url}/v1/videos/${id}/content`

after(async () => {
  await api[Symbol.asyncDispose]()
  await front[Symbol.asyncDispose]()
  await video[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const zeros = digest(Buffer.alloc(bytes))

test('a finished video is found at an address of the public endpoint, for five minutes, and nobody keeps it', async () => {
  const answer = await fetch(path, { redirect: 'manual' })
  const address = new URL(answer.headers.get('location') ?? '')
  assert.deepEqual([answer.status, await answer.text()], [302, ''])
  assert.deepEqual([address.origin, address.searchParams.get('X-Amz-Expires')], [publicEndpoint, '300'])
  assert.deepEqual(
    ['cache-control', 'referrer-policy', 'etag'].map((name) => answer.headers.get(name)),
    ['no-store', 'no-referrer', null],
  )
  assert.equal(front.connections, 0, 'the API itself does not use it')

  const file = await fetch(address)
  assert.equal(digest(new Uint8Array(await file.arrayBuffer())), zeros)
  const { headers } = file
  assert.deepEqual([headers.get('content-type'), headers.get('content-length')], ['video/mp4', String(bytes)])
  assert.match(headers.get('content-disposition') ?? '', new RegExp(`^attachment; filename="?${id}\\.mp4"?$`))
})

test('the address opens nothing else: not another file, not another method, not another name', async () => {
  const address = new URL((await fetch(path, { redirect: 'manual' })).headers.get('location') ?? '')
  const other = new URL(address)
  other.pathname = other.pathname.replace(id, `${id}x`)
  const renamed = new URL(address)
  renamed.searchParams.set('response-content-type', 'text/html')
  for (const [url, method] of [
    [other, 'GET'],
    [renamed, 'GET'],
    [address, 'PUT'],
    [address, 'DELETE'],
  ] as const) {
    const answer = await fetch(url, { method })
    assert.equal(answer.status, 403, `${method} ${url.pathname}`)
    await answer.text()
  }
  assert.ok(await store.head(objectKeys.output(id)))
})

test('clients follow it, by range and HEAD too, and take their credentials no further', async () => {
  const curl = async (...args: string[]) => {
    const all = ['-sSL', '-H', 'Authorization: Bearer x', ...args, path]
    return (await promisify(execFile)('curl', all, { encoding: 'buffer' })).stdout
  }
  assert.equal(digest(await curl()), zeros)
  assert.equal((await curl('-r', '100-299')).length, 200)
  const head = String(await curl('-I'))
  assert.match(head, /^HTTP\/1.1 302 [^]*\r\nHTTP\/1.1 200 OK\r\n/)
  assert.match(head, new RegExp(`content-length: ${bytes}\\r\\n`, 'i'))
  const headers = { authorization: 'Bearer x', range: 'bytes=-7' }
  const part = await fetch(path, { headers })
  assert.deepEqual([part.status, (await part.arrayBuffer()).byteLength], [206, 7])
  assert.deepEqual([(await fetch(path, { method: 'HEAD', headers })).status], [206])
})

test('what cannot be downloaded is refused as ever, and nobody is sent to nothing', async () => {
  const get = async (of: string) => {
    const answer = await fetch(`${api.url}/v1/videos/${of}/content`, { redirect: 'manual' })
    const { error } = (await answer.json()) as { error: { type: string } }
    return [answer.status, error.type, answer.headers.get('location')]
  }
  assert.deepEqual(await get(newVideoId()), [404, 'not_found', null])
  const lost = newVideoId()
  await using _video = await completedVideo(stack, store, { id: lost, bytes: 10 })
  await store.removeAll(objectKeys.output(lost))
  assert.deepEqual(await get(lost), [404, 'not_found', null])
})

test('a redirect without a place to go to is refused at the start, by the name of the setting', async (context) => {
  const wrong: [string, NodeJS.ProcessEnv, RegExp][] = [
    ['nowhere', {}, /S3_PUBLIC_ENDPOINT=\(not set\): is needed with CONTENT_REDIRECT=true/],
    ['a path', { S3_PUBLIC_ENDPOINT: 'https://s3.example.com/files' }, /S3_PUBLIC_ENDPOINT=.*: must be a host/],
    [
      'a password',
      { S3_PUBLIC_ENDPOINT: 'https://a:b@s3.example.com' },
      /S3_PUBLIC_ENDPOINT=https:\/\/…@.*: must be a host/,
    ],
    ['no address', { S3_PUBLIC_ENDPOINT: 's3.example.com' }, /S3_PUBLIC_ENDPOINT=s3.example.com: must be an http/],
  ]
  for (const program of ['api/main.js', 'infra/local/start.js']) {
    for (const [what, change, says] of wrong) {
      const { code, output } = await runProgram(context, program, {
        ...outsideServers,
        CONTENT_REDIRECT: 'true',
        ...change,
      })
      assert.equal(code, 2, `${program}, ${what}: ${output}`)
      assert.match(output, says)
    }
  }
})
