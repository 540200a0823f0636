import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import test from 'node:test'
import { errorSchema } from '../../../api/openapi/openapi.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import { eventually, startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { picture, toneWav } from '../../support/api/api-media.js'
import { fmtChunk, riff, riffChunk, tone } from '../../support/media/wav-files.js'

const png = await picture('png')
const wav = toneWav(1)

function order(changes: Record<string, string> = {}): FormData {
  const form = new FormData()
  for (const [name, text] of Object.entries(changes)) form.append(name, text)
  form.append('input_reference', new Blob([png]), 'ref.png')
  form.append('audio', new Blob([wav]), '1.wav')
  return form
}

async function post(api: TestApi, body: FormData | string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${api.url}/v1/videos`, { method: 'POST', body, headers })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as any }
}

/** A refusal that fits the schema, and after which nothing is stored, started or under way. */
async function assertRefused(api: TestApi, answer: { status: number; body: any }, status: number, type: string) {
  const { error } = errorSchema.parse(answer.body)
  assert.deepEqual([answer.status, error.type, error.code], [status, type, String(status)], error.message)
  await assertNothingLeft(api)
}

async function assertNothingLeft(api: TestApi) {
  await eventually(() => api.store.objects.size === 0 && api.store.uploading === 0, 'the bucket is empty')
  assert.equal(api.started.length, 0)
}

const head = (length: number | string, more = '') =>
  `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n${more}\r\n`
const filePart = `--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n`

/** Writes raw bytes and gives back everything that is answered until the connection ends. */
async function raw(api: TestApi, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(api.port, '127.0.0.1')
  const answer: Buffer[] = []
  socket.on('data', (chunk) => answer.push(chunk))
  socket.on('error', () => undefined)
  for (const piece of pieces) socket.write(piece)
  await once(socket, 'close')
  return Buffer.concat(answer).toString('latin1')
}

const statusOf = (answer: string) => Number(answer.split(' ')[1])
const jsonOf = (answer: string): any => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

test('an order is stored whole, started once and answered', async () => {
  await using api = await startTestApi()
  const prompt = 'first line\r\nsecond $###$ line' // FormData itself makes every line end \r\n
  const { status, headers, body } = await post(api, order({ prompt, seed: '-1', size: '720p' }))
  assert.equal(status, 200, JSON.stringify(body))
  const video = videoSchema.parse(body)
  assert.equal(video.prompt, prompt)
  assert.deepEqual([...api.store.objects.keys()].sort(), [
    `videos/${video.id}/input/audio-1.wav`,
    `videos/${video.id}/prepared/reference.png`,
    `videos/${video.id}/prepared/voice-1.wav`,
  ])
  assert.deepEqual(api.store.objects.get(`videos/${video.id}/input/audio-1.wav`), wav)
  const [started] = api.started
  const { order: sent } = started?.options.args[0]
  assert.deepEqual([sent.voices[0].samples, sent.parameters.prompt, sent.reference.kind], [16_000, prompt, 'picture'])
  assert.equal(headers.get('x-video-seed'), String(sent.parameters.seed))
  assert.ok(sent.parameters.seed >= 0 && Number.isInteger(sent.parameters.seed))
  assert.equal(started?.options.priority.priorityKey, 3)
})

test('parts may come in any order, and file names are nobody’s path', async () => {
  await using api = await startTestApi()
  const form = new FormData()
  form.append('audio[]', new Blob([wav]), '../../same.wav')
  form.append('audio[]', new Blob([toneWav(0.5)]), '../../same.wav')
  form.append('input_reference', new Blob([png]), '/etc/passwd')
  form.append('steps', '7')
  const { status, body } = await post(api, form)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(api.started[0]?.options.args[0].order.parameters.steps, 7)
  assert.deepEqual(
    api.started[0]?.options.args[0].order.voices.map((voice: any) => voice.samples),
    [16_000, 8_000],
  )
  for (const key of api.store.objects.keys()) assert.ok(key.startsWith(`videos/${body.id}/`) && !key.includes('..'))
})

test('whatever is wrong with an order, it is said by name and nothing is left', async () => {
  await using api = await startTestApi()
  const without = (name: string) => {
    const form = order()
    form.delete(name)
    return form
  }
  const withFile = (name: string, bytes: Buffer) => {
    const form = without(name)
    form.append(name, new Blob([bytes]), 'x')
    return form
  }
  const cases: [string, string, FormData][] = [
    ['missing_parameter', 'audio', without('audio')],
    ['missing_parameter', 'input_reference', without('input_reference')],
    ['invalid_parameter', 'steps', order({ steps: '0' })],
    ['unknown_parameter', 'stpes', order({ stpes: '5' })],
    ['invalid_file', 'audio', withFile('audio', png)],
    ['invalid_file', 'audio', withFile('audio', Buffer.alloc(0))],
    ['invalid_file', 'audio', withFile('audio', toneWav(2, 0))],
    ['invalid_file', 'audio', withFile('audio', toneWav(0.3))],
    ['invalid_file', 'audio', withFile('audio', toneWav(21))],
    ['invalid_file', 'audio', withFile('audio', toneWav(10).subarray(0, 160_000))],
    ['invalid_file', 'input_reference', withFile('input_reference', wav)],
    ['invalid_file', 'input_reference', withFile('input_reference', png.subarray(0, png.length / 2))],
    ['invalid_file', 'input_reference', withFile('input_reference', Buffer.from('#EXTM3U\nhttp://127.0.0.1/x'))],
  ]
  for (const [type, param, form] of cases) {
    const answer = await post(api, form)
    assert.equal(answer.body.error?.param, param, JSON.stringify(answer.body))
    await assertRefused(api, answer, 400, type)
  }
  const two = order()
  two.append('audio', new Blob([toneWav(19.5)]), 'b.wav')
  await assertRefused(api, await post(api, two), 400, 'invalid_file') // add: 20.5 s together
})

test('text that is not what its charset says is a 400 that names the part, and leaves nothing', async () => {
  await using api = await startTestApi()
  const part = (more: string, bytes: string) => [
    `--b\r\nContent-Disposition: form-data; name="prompt"${more}\r\n\r\n`,
    Buffer.from(bytes, 'hex'),
    '\r\n--b--\r\n',
  ]
  const charset = (name: string) => `\r\nContent-Type: text/plain; charset=${name}`
  for (const [more, bytes] of [
    [charset('utf-7'), '61'],
    [charset('gb18030'), 'ff'],
    ['', 'd2bbb8f6'],
    ['', '6100'],
  ] as const) {
    const pieces = part(more, bytes)
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const answer = await raw(api, head(length, 'Connection: close\r\n'), ...pieces)
    const body = jsonOf(answer)
    assert.equal(body.error.param, 'prompt')
    await assertRefused(api, { status: statusOf(answer), body }, 400, 'invalid_parameter')
  }
})

test('the wrong kind of body is refused by its headers', async () => {
  await using api = await startTestApi({ patience: { maxBytes: 1_000_000 } })
  const json = await post(api, '{}', { 'content-type': 'application/json' })
  await assertRefused(api, json, 415, 'wrong_content_type')
  const form = 'multipart/form-data'
  await assertRefused(api, await post(api, 'x', { 'content-type': form }), 400, 'malformed_request')
  const packed = { 'content-type': `${form}; boundary=b`, 'content-encoding': 'gzip' }
  await assertRefused(api, await post(api, 'x', packed), 415, 'wrong_content_type')
  const large = await raw(api, head(5_000_000), 'x'.repeat(100_000))
  assert.deepEqual([statusOf(large), jsonOf(large).error.type], [413, 'too_large'])
})

test('a refused body is read away: who listens only once it is sent hears the refusal', async () => {
  const rest = Buffer.alloc(32_000_000) // more than the kernel takes for a sender whom nobody reads
  const cases: [maxBytes: number, more: string, begin: string, status: number][] = [
    [1_000_000, '', '', 413],
    [
      100_000_000,
      'Expect: 100-continue\r\n',
      '--b\r\nContent-Disposition: form-data; name="stepz"\r\n\r\n1\r\n--b',
      400,
    ],
  ]
  for (const [maxBytes, more, begin, status] of cases) {
    await using api = await startTestApi({ patience: { maxBytes } })
    const socket = connect(api.port, '127.0.0.1')
    const body = Buffer.concat([Buffer.from(begin), rest])
    socket.write(head(body.length, more))
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject).write(body, (error) => (error ? reject(error) : resolve()))
    })
    let answer = ''
    for await (const piece of socket) answer += String(piece)
    assert.equal(statusOf(answer.replace('HTTP/1.1 100 Continue\r\n\r\n', '')), status, answer)
  }
})

test('a body without a declared length is refused once it is over the limit', async () => {
  await using api = await startTestApi({ patience: { maxBytes: 300_000 } })
  const answer = await new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b', 'transfer-encoding': 'chunked' }
    const req = request(`${api.url}/v1/videos`, { method: 'POST', headers }, (res) => {
      res.setEncoding('utf8').once('data', resolve)
    })
    req.once('error', reject)
    req.write(filePart)
    req.write(Buffer.concat([wav, Buffer.alloc(2_000_000)]))
  })
  await assertRefused(api, { status: 413, body: JSON.parse(answer) }, 413, 'too_large')
})

test('with Expect: 100-continue a refused body is never sent, and an accepted one is', async () => {
  await using api = await startTestApi({ patience: { maxBytes: 1_000_000 } })
  const refused = await raw(api, head(5_000_000, 'Expect: 100-continue\r\n'))
  assert.equal(statusOf(refused), 413)
  const other = await raw(api, head(10, 'Expect: something\r\n'))
  assert.deepEqual([statusOf(other), jsonOf(other).error.code], [417, '417'])
  const body = `${filePart}nothing known\r\n--b--\r\n`
  const taken = await raw(api, head(body.length, 'Expect: 100-continue\r\nConnection: close\r\n'), body)
  assert.match(taken, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 400 /)
  await assertNothingLeft(api)
})

test('a sender that stops, drips or leaves is not waited for, and leaves nothing', async () => {
  await using api = await startTestApi({ patience: { idleMs: 300 } })
  const stopped = await raw(api, head(100_000), filePart, wav.subarray(0, 5_000))
  assert.deepEqual([statusOf(stopped), jsonOf(stopped).error.type], [408, 'too_slow'])
  await assertNothingLeft(api)
  // Left at each phase: in a part's head, in the first bytes that are sniffed, within a file, before the last boundary.
  for (const sent of [10, filePart.length + 100, filePart.length + 9_000]) {
    const socket = connect(api.port, '127.0.0.1')
    socket.write(head(100_000))
    socket.write(Buffer.concat([Buffer.from(filePart), wav]).subarray(0, sent))
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    await assertNothingLeft(api)
  }
})

test('a body that drips below the least pace is refused', async () => {
  await using api = await startTestApi({ patience: { windowMs: 300, bytesPerSecond: 100_000 } })
  const socket: Socket = connect(api.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(head(100_000) + filePart)
  const dripping = setInterval(() => socket.write('x'), 20)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  clearInterval(dripping)
  socket.destroy()
  assert.equal(statusOf(answer.toString()), 408)
  await assertNothingLeft(api)
})

test('a client that leaves while its files are decoded leaves nothing', async () => {
  await using api = await startTestApi()
  const leaving = new AbortController()
  const form = order()
  // Some tenths of a second of work.
  const long = riff([fmtChunk({ rate: 96_000, channels: 2 }), riffChunk('data', tone(2 * 96_000 * 19))])
  form.append('audio[]', new Blob([long]), 'b.wav')
  const posting = fetch(`${api.url}/v1/videos`, { method: 'POST', body: form, signal: leaving.signal })
  posting.catch(() => undefined)
  await eventually(() => api.store.objects.size >= 3, 'the files are stored')
  leaving.abort()
  await assertNothingLeft(api)
})

test('too many parts, a huge header and a wrong length each get their refusal', async () => {
  await using api = await startTestApi({ patience: { idleMs: 300 } })
  const many = new FormData()
  for (let i = 0; i < 10_000; i++) many.append('user', 'x')
  await assertRefused(api, await post(api, many), 413, 'too_large')
  const huge = await raw(api, `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`)
  assert.deepEqual([statusOf(huge), jsonOf(huge).error.type], [431, 'headers_too_large'])
  const partHead = `--b\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`
  const header = await raw(api, head(partHead.length, 'Connection: close\r\n'), partHead)
  assert.deepEqual([statusOf(header), jsonOf(header).error.type], [400, 'malformed_request'])
  assert.equal(statusOf(await raw(api, head('12x'), 'x')), 400)
  assert.equal(statusOf(await raw(api, head(1_000), filePart)), 408) // says more than it sends
  const less = await raw(api, head(20, 'Connection: close\r\n'), filePart.slice(0, 20)) // says less than it has
  assert.equal(jsonOf(less).error.type, 'malformed_request')
  assert.equal(statusOf(await raw(api, 'nonsense\r\n\r\n')), 400)
  await assertNothingLeft(api)
})

test('a store that fails or stands still is a 503 with retry-after, and nothing is started', async () => {
  await using api = await startTestApi({ patience: { storeStallMs: 300 } })
  for (const fail of ['uploads', 'puts', 'stall'] as const) {
    api.store.fail = fail
    const form = order()
    // More than the parser's and the socket's buffers hold, so that a store that takes nothing is felt.
    form.append('audio[]', new Blob([toneWav(15)]), 'b.wav')
    // With a key, which an order is stored for.
    const answer = await post(api, form, { 'idempotency-key': fail })
    assert.ok(Number(answer.headers.get('retry-after')) > 0, fail)
    await assertRefused(api, answer, 503, 'unavailable')
  }
  // As well where all bytes have come and only the store is waited for.
  await assertRefused(api, await post(api, order()), 503, 'unavailable')
})

test('with Temporal down after storage nothing stays; with its answer lost the video is found or its inputs are kept', async () => {
  await using api = await startTestApi()
  api.temporal.start = 'refuses'
  await assertRefused(api, await post(api, order()), 503, 'unavailable')

  api.temporal.start = 'loses its answer'
  const found = await post(api, order())
  assert.equal(found.status, 200)
  assert.equal(api.store.objects.size, 3)

  api.temporal.describe = 'refuses'
  const lost = await post(api, order())
  assert.equal(lost.status, 503)
  assert.equal(api.started.length, 2)
  assert.equal(api.store.objects.size, 6) // a video that may have started keeps what it reads
})

test('more uploads at once than there are places for get a 503', async () => {
  await using api = await startTestApi({ uploads: 1 })
  const socket = connect(api.port, '127.0.0.1')
  socket.write(head(100_000) + filePart)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const answer = await post(api, order())
  assert.deepEqual([answer.status, answer.body.error.type], [503, 'busy'])
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
  socket.destroy()
  await eventually(() => api.store.uploading === 0, 'the place is free again')
  assert.equal((await post(api, order())).status, 200)
})
