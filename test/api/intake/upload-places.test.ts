import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import test from 'node:test'
import { TrustedProxies } from '../../../api/http/client-address.js'
import { Pace } from '../../../api/intake/pace.js'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { UploadPlaces } from '../../../api/intake/upload-places.js'
import { eventually, startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { picture, toneWav } from '../../support/api/api-media.js'

const png = await picture('png')
const wav = toneWav(1)
const never = new AbortController().signal

/** The voice first: a picture as small as this one is no upload to S3. */
function bodyOf(): Buffer {
  const part = (name: string, bytes: Buffer) => [
    Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}"; filename="x"\r\n\r\n`),
    ...[bytes, Buffer.from('\r\n')],
  ]
  return Buffer.concat([...part('audio', wav), ...part('input_reference', png), Buffer.from('--b--\r\n')])
}

type From = { localAddress: string; forwarded?: string }

const contentType = 'multipart/form-data; boundary=b'

/** A whole order, as fast as it goes. */
async function order(api: TestApi, { localAddress, forwarded }: From): Promise<[number, string]> {
  const body = bodyOf()
  const headers: Record<string, string> = { 'content-type': contentType, 'content-length': String(body.length) }
  if (forwarded !== undefined) headers['x-forwarded-for'] = forwarded
  const options = { port: api.port, host: '127.0.0.1', localAddress, headers, agent: false }
  const sent = request({ ...options, method: 'POST', path: '/v1/videos' })
  sent.end(body)
  const [res] = await once(sent, 'response')
  let text = ''
  for await (const chunk of res) text += String(chunk)
  if (res.statusCode === 200) return [200, '']
  return [res.statusCode, errorSchema.parse(JSON.parse(text)).error.type]
}

type Slow = Disposable & { socket: Socket; status: () => number | undefined }

/** An upload that begins as any other, and then brings next to nothing. */
function slow(api: TestApi, { localAddress, forwarded }: From): Slow {
  const socket = connect({ port: api.port, host: '127.0.0.1', localAddress })
  let status: number | undefined
  socket.on('data', (chunk) => (status ??= Number(chunk.toString().split(' ')[1])))
  socket.on('error', () => undefined)
  const named = forwarded === undefined ? '' : `X-Forwarded-For: ${forwarded}\r\n`
  socket.write(
    `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${contentType}\r\nContent-Length: 50000000\r\n${named}\r\n`,
  )
  socket.write(bodyOf().subarray(0, 20_000))
  const dripping = setInterval(() => socket.writable && socket.write('.'), 50)
  socket.once('close', () => clearInterval(dripping))
  return { socket, status: () => status, [Symbol.dispose]: () => void socket.destroy() }
}

async function sixteenSlow(api: TestApi, from: (index: number) => From): Promise<Slow[]> {
  const uploads = Array.from({ length: 16 }, (_, index) => slow(api, from(index)))
  await eventually(() => api.store.uploading === 16, '16 uploads are under way')
  return uploads
}

const cut = (uploads: Slow[]) => uploads.map(({ status }) => status()).filter((status) => status !== undefined)

function close(uploads: Slow[]): void {
  for (const upload of uploads) upload[Symbol.dispose]()
}

test('16 slow uploads of one client leave room for another, which waits for nothing', async () => {
  await using api = await startTestApi()
  const uploads = await sixteenSlow(api, () => ({ localAddress: '127.0.0.2' }))
  assert.deepEqual(await order(api, { localAddress: '127.0.0.3' }), [200, ''])
  await eventually(() => cut(uploads).length === 1, 'one of them was told')
  assert.deepEqual(cut(uploads), [503])
  close(uploads)
})

test('a client has all places while nobody else wants one; whoever has his share is refused', async () => {
  await using api = await startTestApi()
  const uploads = await sixteenSlow(api, () => ({ localAddress: '127.0.0.2' }))
  assert.deepEqual(await order(api, { localAddress: '127.0.0.2' }), [503, 'busy'])
  assert.deepEqual(cut(uploads), [])
  close(uploads)
})

test('slow uploads of many clients give way, each with the reason', async () => {
  const slowness = { bytesPerSecond: 100_000, forMs: 300 }
  await using api = await startTestApi({
    parts: { uploads: new UploadPlaces({ places: 16, perAddress: 4, slowness }) },
  })
  const uploads = await sixteenSlow(api, (index) => ({ localAddress: `127.0.1.${index + 1}` }))
  // Too young to be called slow: nobody has more than his share.
  let answer: [number, string] = [0, '']
  const began = performance.now()
  do answer = await order(api, { localAddress: '127.0.0.3' })
  while (answer[0] === 503 && performance.now() - began < 10_000)
  assert.deepEqual(answer, [200, ''])
  await eventually(() => cut(uploads).length === 1, 'one of them was told')
  assert.deepEqual(cut(uploads), [408])
  close(uploads)
})

test('behind a trusted proxy a client is whom the proxy names; elsewhere the header counts for nothing', async () => {
  const trusted = new TrustedProxies(['127.0.0.9'])
  await using api = await startTestApi({ parts: { trusted } })
  const proxy = '127.0.0.9'
  const uploads = await sixteenSlow(api, () => ({ localAddress: proxy, forwarded: '8.8.8.8, 203.0.113.5' }))
  // The same client, who invents others in front of himself.
  assert.deepEqual(await order(api, { localAddress: proxy, forwarded: '1.1.1.1, 203.0.113.5' }), [503, 'busy'])
  assert.deepEqual(await order(api, { localAddress: proxy, forwarded: '203.0.113.6' }), [200, ''])
  close(uploads)
  await eventually(() => api.store.uploading === 0, 'they have left')

  const direct = await sixteenSlow(api, (index) => ({ localAddress: '127.0.0.2', forwarded: `203.0.113.${index}` }))
  assert.deepEqual(await order(api, { localAddress: '127.0.0.2', forwarded: '198.51.100.1' }), [503, 'busy'])
  assert.deepEqual(await order(api, { localAddress: '127.0.0.3' }), [200, ''])
  close(direct)
})

/** A place whose upload is arriving at this pace; undefined: too young to be judged. */
async function taken(places: UploadPlaces, address: string | undefined, bytesPerSecond?: number) {
  const upload = await places.take(address, never)
  upload.isArriving = true
  if (bytesPerSecond !== undefined) Object.assign(upload.pace, { bytesPerSecond: () => bytesPerSecond })
  upload.signal.addEventListener('abort', () => upload[Symbol.dispose]())
  return upload
}

const typeOf = (reason: unknown) => (reason as { type?: string } | undefined)?.type

test('of slow uploads the slowest goes, of the client that has most', async () => {
  const places = new UploadPlaces({ places: 4, perAddress: 3 })
  const [one, slower, other] = [
    await taken(places, '203.0.113.1', 2_000),
    await taken(places, '203.0.113.1', 1_000),
    await taken(places, '203.0.113.2', 10),
    await taken(places, '203.0.113.3', 1e9),
  ]
  await taken(places, '203.0.113.4', 1e9)
  assert.equal(typeOf(slower.signal.reason), 'too_slow')
  // His own slow one goes as well for a fast one of his.
  await taken(places, '203.0.113.1', 1e9)
  assert.equal(typeOf(one.signal.reason), 'too_slow')
  // One who has two takes nothing from one who has a single one.
  await assert.rejects(taken(places, '203.0.113.1', 1e9), (error) => typeOf(error) === 'busy')
  assert.equal(other.signal.aborted, false)
})

test('fast uploads are cut only of a client over its share, for one below it; what has arrived stays', async () => {
  const places = new UploadPlaces({ places: 3, perAddress: 1 })
  const mine = [await taken(places, '203.0.113.1', 2e9), await taken(places, '203.0.113.1', 1e9)]
  const arrived = await taken(places, '203.0.113.1', 1)
  arrived.isArriving = false
  await taken(places, '203.0.113.2')
  assert.deepEqual(
    [...mine, arrived].map(({ signal }) => typeOf(signal.reason)),
    [undefined, 'busy', undefined],
  )
  await assert.rejects(taken(places, '203.0.113.2'), (error) => typeOf(error) === 'busy')
  await taken(places, '203.0.113.3')
  await assert.rejects(taken(places, '203.0.113.4'), (error) => typeOf(error) === 'busy')
})

test('those whom nobody names are each a client of its own', async () => {
  const places = new UploadPlaces({ places: 2, perAddress: 1 })
  const first = await taken(places, undefined)
  await taken(places, undefined)
  await assert.rejects(taken(places, undefined), (error) => typeOf(error) === 'busy')
  assert.equal(first.signal.aborted, false)
})

test('one that leaves while it waits for a place takes none', async () => {
  const places = new UploadPlaces({ places: 2, perAddress: 1 })
  const held = [await places.take('203.0.113.1', never), await places.take('203.0.113.1', never)]
  for (const upload of held) upload.isArriving = true
  const leaving = new AbortController()
  const waiting = places.take('203.0.113.2', leaving.signal)
  leaving.abort(new Error('left'))
  await assert.rejects(waiting, /left/)
  for (const upload of held) upload[Symbol.dispose]()
  await places.allFree()
})

test('a pace is judged over the time in which the sender was waited for, silence included', (context) => {
  let now = 0
  context.mock.method(performance, 'now', () => now)
  const pace = new Pace(1_000)
  pace.waiting()
  now += 500
  pace.waited(1_000)
  assert.equal(pace.bytesPerSecond(), undefined)
  now += 60_000 // the store took nothing: no fault of the sender's
  pace.waiting()
  now += 500
  pace.waited(1_000)
  assert.equal(pace.bytesPerSecond(), 2_000)
  pace.waiting()
  now += 999
  assert.equal(pace.bytesPerSecond(), 2_000)
  now += 1
  assert.equal(pace.bytesPerSecond(), 0)
})
