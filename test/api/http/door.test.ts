import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import test from 'node:test'
import { TrustedProxies } from '../../../api/http/client-address.js'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { createLog } from '../../../infra/program/log.js'
import { ownVersion } from '../../../infra/program/version.js'
import { LingeringClose } from '../../../api/http/lingering-close.js'
import { startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { parseStrictly } from '../../support/strict-json.js'

type Answer = { status: number; headers: Record<string, unknown>; type: string | undefined; message: string }

/** A request with exactly these headers, which `fetch` would not send. */
async function ask(api: TestApi, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const sent = request({ port: api.port, host: '127.0.0.1', method, path, headers, agent: false })
  sent.end()
  const [res] = await once(sent, 'response')
  let text = ''
  for await (const chunk of res) text += String(chunk)
  const isRefusal = res.statusCode >= 400 && method !== 'HEAD'
  const error = isRefusal && path !== '/readyz' ? errorSchema.parse(JSON.parse(text)).error : undefined
  return { status: res.statusCode, headers: res.headers, type: error?.type, message: error?.message ?? '' }
}

/** Writes raw bytes and gives back everything that is answered until the connection ends. */
async function raw(api: TestApi, text: string): Promise<{ status: number; body: any }> {
  const socket = connect(api.port, '127.0.0.1')
  const answer: Buffer[] = []
  socket.on('data', (chunk) => answer.push(chunk))
  socket.on('error', () => undefined)
  socket.write(text)
  await once(socket, 'close')
  const [head = '', ...body] = Buffer.concat(answer).toString().split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: JSON.parse(body.join('\r\n\r\n')) }
}

const video = '/v1/videos/video_1766454718_abcdefghij'
const changing: [method: string, path: string][] = [
  ['POST', '/v1/videos'],
  ['POST', `${video}/cancel`],
  ['DELETE', video],
  ['PATCH', video],
]

test('what a page of another site has a browser send changes nothing', async () => {
  await using api = await startTestApi()
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'same-origin, cross-site' },
    { 'sec-fetch-site': 'something-new' },
    { 'sec-fetch-site': 'cross-site', origin: `http://127.0.0.1:${api.port}` },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://127.0.0.1:${api.port + 1}` },
    { origin: 'http://127.0.0.1' },
    { origin: `chrome-extension://127.0.0.1:${api.port}` },
    { origin: `http://127.0.0.1:${api.port}.evil.example` },
  ]
  for (const headers of foreign) {
    for (const [method, path] of changing) {
      const { status, type } = await ask(api, method, path, headers)
      assert.deepEqual([status, type], [403, 'cross_site_request'], `${method} ${JSON.stringify(headers)}`)
    }
    // Reading changes nothing, and a browser keeps the answer from the page.
    assert.equal((await ask(api, 'GET', '/healthz', headers)).status, 200)
    assert.equal((await ask(api, 'OPTIONS', '/v1/videos', headers)).status, 204)
  }
})

test('our own pages, a typed address and programs pass', async () => {
  await using api = await startTestApi()
  const own: Record<string, string>[] = [
    {},
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin', origin: 'https://behind-a-proxy.example' },
    { origin: `http://127.0.0.1:${api.port}` },
    { origin: 'http://[::1]:9389', host: '[::1]:9389' },
    // Behind a proxy that ends TLS, which passes Host on.
    { origin: 'https://10.0.0.7', host: '10.0.0.7' },
    { origin: 'https://10.0.0.7', host: '10.0.0.7:443' },
    { origin: 'http://LOCALHOST:9389', host: 'localhost.:9389' },
  ]
  for (const headers of own) {
    const { status } = await ask(api, 'DELETE', video, headers)
    assert.equal(status, 404, JSON.stringify(headers))
  }
})

test('the body of a refused request is read away for a limited time only, whatever is still to come', async () => {
  const lines: string[] = []
  const output = new Writable({ write: (line, _encoding, done) => (lines.push(String(line)), done()) })
  const lingering = new LingeringClose(new AbortController().signal, { totalMs: 1_000 })
  await using api = await startTestApi({ parts: { lingering, log: createLog({ program: 'api', output }) } })
  const socket = connect(api.port, '127.0.0.1')
  const answer: string[] = []
  socket.on('error', () => undefined) // it is closed while we still write
  socket.on('data', (chunk) => answer.push(String(chunk)))
  socket.write(
    'POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n' +
      'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000000\r\n\r\n',
  )
  // Slow enough that the whole of it would take for ever.
  const sending = setInterval(() => socket.writable && socket.write(Buffer.alloc(64 * 1024)), 10)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(sending)
  assert.match(answer.join(''), /^HTTP\/1\.1 403 /)
  const { received, type } = parseStrictly(lines.find((text) => text.includes('"event":"request"')) ?? '')
  assert.equal(type, 'cross_site_request')
  assert.ok(Number(received) < 20_000_000, `${String(received)} bytes were read`)
})

test('only addresses, localhost and the names that are listed are answered', async () => {
  const parts = { allowedHosts: ['video.example.com', 'Ported.example:8080', '.wild.example'] }
  await using api = await startTestApi({ parts })
  const known = [
    ...['127.0.0.1', '127.0.0.1:9389', '203.0.113.9', '[::1]', '[::1]:9389', '[2001:db8::7]:80', 'localhost'],
    ...['localhost:9389', 'LocalHost.', 'video.example.com', 'VIDEO.example.com.:8443', 'ported.example:8080'],
    ...['wild.example', 'a.b.wild.example:9389'],
  ]
  const foreign = [
    ...['evil.example', 'localhost.evil.example', 'evil.video.example.com', 'video.example.com.evil.example'],
    ...['ported.example', 'ported.example:8081', 'evilwild.example', '127.0.0.1.evil.example', '0x7f.1', 'a.localhost'],
  ]
  for (const host of known) assert.equal((await ask(api, 'GET', '/healthz', { host })).status, 200, host)
  const everything: [string, string][] = [
    ...changing,
    ...(['/healthz', '/readyz', '/docs', '/openapi.json', video, `${video}/content`] as const).map(
      (path): [string, string] => ['GET', path],
    ),
    ['OPTIONS', '/v1/videos'],
  ]
  for (const host of foreign) {
    for (const [method, path] of host === 'evil.example' ? everything : everything.slice(0, 1)) {
      const answer = await ask(api, method, path, { host })
      assert.equal(answer.status, 403, `${method} ${path} ${host}`)
      if (path === '/readyz') continue
      assert.equal(answer.type, 'host_not_allowed')
      assert.match(answer.message, /ALLOWED_HOSTS/)
    }
  }
  await using open = await startTestApi({ parts: { allowedHosts: ['*'] } })
  assert.equal((await ask(open, 'GET', '/healthz', { host: 'evil.example' })).status, 200)
})

test('a Host that is missing, double or none is a 400 in JSON; HTTP/1.0 needs none', async () => {
  await using api = await startTestApi()
  const end = 'Connection: close\r\n\r\n'
  for (const hosts of [
    '',
    'Host: a\r\nHost: a\r\n',
    'Host: a b\r\n',
    'Host: user@127.0.0.1\r\n',
    'Host: [::g]\r\n',
    'Host:\r\n',
  ]) {
    for (const line of ['GET /healthz', 'DELETE /v1/videos/x']) {
      const { status, body } = await raw(api, `${line} HTTP/1.1\r\n${hosts}${end}`)
      assert.deepEqual([status, body.error?.type], [400, 'malformed_request'], hosts)
    }
  }
  assert.deepEqual(await raw(api, 'GET /healthz HTTP/1.0\r\n\r\n'), {
    status: 200,
    body: { status: 'ok', version: ownVersion() },
  })
  const { status, body } = await raw(api, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')
  assert.deepEqual([status, errorSchema.parse(body).error.type], [405, 'method_not_allowed'])
})

test('X-Forwarded-Host is believed of a trusted proxy alone, and is then what is checked', async () => {
  const forwarded = { 'x-forwarded-host': 'video.example.com', origin: 'https://video.example.com' }
  await using plain = await startTestApi({ parts: { allowedHosts: ['video.example.com'] } })
  assert.equal((await ask(plain, 'DELETE', video, forwarded)).type, 'cross_site_request')
  assert.equal((await ask(plain, 'DELETE', video, { ...forwarded, host: 'evil.example' })).type, 'host_not_allowed')

  const parts = { allowedHosts: ['video.example.com'], trusted: new TrustedProxies(['127.0.0.0/8']) }
  await using behind = await startTestApi({ parts })
  assert.equal((await ask(behind, 'DELETE', video, { ...forwarded, host: 'inner' })).status, 404)
  // What the client made up stands before what the proxy added.
  const added = { ...forwarded, 'x-forwarded-host': 'evil.example, video.example.com' }
  assert.equal((await ask(behind, 'DELETE', video, added)).status, 404)
  const evil = { 'x-forwarded-host': 'evil.example' }
  assert.equal((await ask(behind, 'GET', '/healthz', evil)).type, 'host_not_allowed')
})

test('OPTIONS tells the methods of every address, and a 405 the same', async () => {
  await using api = await startTestApi()
  const addresses: Record<string, string> = {
    '/v1/videos': 'POST',
    [video]: 'GET, HEAD, DELETE',
    [`${video}/cancel`]: 'POST',
    [`${video}/content`]: 'GET, HEAD',
    '/healthz': 'GET, HEAD',
    '/readyz': 'GET, HEAD',
    '/openapi.json': 'GET, HEAD',
    '/docs': 'GET, HEAD',
    '/docs/swagger-ui.css': 'GET, HEAD',
  }
  for (const [path, allow] of Object.entries(addresses)) {
    const options = await ask(api, 'OPTIONS', path)
    assert.deepEqual([options.status, options.headers['allow']], [204, allow], path)
    const other = await ask(api, 'PUT', path)
    assert.deepEqual([other.status, other.headers['allow']], [405, allow], path)
  }
  assert.equal((await ask(api, 'OPTIONS', '/v2')).status, 404)
})

test('no answer binds a domain to TLS, which is not ours', async () => {
  await using api = await startTestApi()
  for (const path of ['/healthz', '/docs', '/openapi.json', '/v2']) {
    assert.equal((await ask(api, 'GET', path)).headers['strict-transport-security'], undefined)
  }
})
