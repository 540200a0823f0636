import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import test from 'node:test'
import { createLog } from '../../../infra/program/log.js'
import { eventually, startTestApi } from '../../support/api/api-fixture.js'
import { picture, toneWav } from '../../support/api/api-media.js'
import { parseStrictly } from '../../support/strict-json.js'

const png = await picture('png')

/** An API whose log is kept, each line parsed by a parser that takes no key twice. */
async function withLog() {
  const lines: Record<string, unknown>[] = []
  const output = new Writable({
    write(text: Buffer, _encoding, done) {
      for (const line of String(text).trim().split('\n')) lines.push(parseStrictly(line))
      done()
    },
  })
  const api = await startTestApi({ parts: { log: createLog({ program: 'api', level: 'debug', output }) } })
  return { api, lines }
}

function order(changes: Record<string, string> = {}): FormData {
  const form = new FormData()
  form.append('input_reference', new Blob([png]), 'ref.png')
  form.append('audio', new Blob([toneWav(1)]), '1.wav')
  for (const [name, text] of Object.entries(changes)) form.append(name, text)
  return form
}

test('each request has one line: of a refused one it says why, how much came and from whom', async () => {
  const { api, lines } = await withLog()
  await using _api = api
  const agent = `client/1.0 ${'x'.repeat(200)}`
  const post = (body: FormData | undefined, headers: Record<string, string> = {}) =>
    fetch(`${api.url}/v1/videos`, {
      method: 'POST',
      ...(body && { body }),
      headers: { 'user-agent': agent, ...headers },
    })
  const key = { 'idempotency-key': 'k' }
  const { id } = (await (await post(order(), key)).json()) as { id: string }
  await (await post(order(), key)).json()
  await (await post(order({ steps: '0' }))).json()
  await (await post(undefined, { 'content-type': 'application/json' })).json()
  await (await post(undefined, { origin: 'https://evil.example' })).json()
  for (const path of [`/v1/videos/${id}`, `/v1/videos/${id}/content`, '/v1/videos/video_0_aaaaaaaaaa', '/nothing']) {
    await (await fetch(`${api.url}${path}`)).text()
  }
  await (await fetch(`${api.url}/v1/videos/nothing`, { method: 'DELETE' })).text()
  const requests = () => lines.filter(({ event }) => event === 'request')
  await eventually(() => requests().length === 10, 'all requests are logged')

  assert.deepEqual(
    requests().map(({ level, method, status, type, param, client }) => [level, method, status, type, param, client]),
    [
      ['info', 'POST', 200, undefined, undefined, '127.0.0.1'],
      ['info', 'POST', 200, undefined, undefined, '127.0.0.1'],
      ['info', 'POST', 400, 'invalid_parameter', 'steps', '127.0.0.1'],
      ['info', 'POST', 415, 'wrong_content_type', null, '127.0.0.1'],
      ['info', 'POST', 403, 'cross_site_request', null, '127.0.0.1'],
      ['debug', 'GET', 200, undefined, undefined, '127.0.0.1'],
      ['debug', 'GET', 409, 'video_not_ready', null, '127.0.0.1'],
      ['debug', 'GET', 404, 'not_found', 'video_id', '127.0.0.1'],
      ['debug', 'GET', 404, 'not_found', null, '127.0.0.1'],
      ['debug', 'DELETE', 404, 'not_found', 'video_id', '127.0.0.1'],
    ],
  )
  const [taken, replayed, refused, empty] = requests()
  assert.deepEqual([taken?.video, replayed?.video, refused?.video], [id, id, undefined])
  assert.equal(refused?.agent, agent.slice(0, 120))
  assert.ok(Number(refused?.received) > png.length + 32_000 && Number(refused?.received) < png.length + 40_000)
  assert.ok(Number(empty?.received) < 1_000)
  // A repetition is no refusal, and what either had stored is nothing to tell at `info`.
  for (const { level, msg } of lines) assert.ok(level === 'debug' || !String(msg).includes('refused'), String(msg))
})
