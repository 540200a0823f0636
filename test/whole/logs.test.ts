import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { videoSchema } from '../../api/videos/video-schema.js'
import { ffmpeg, toneWav } from '../support/api/api-media.js'
import { orderForm, postOrder, videoUntil } from '../support/api/api-orders.js'
import { readLogs } from '../support/log-files.js'
import { testStack } from '../support/test-stack.js'

const { apiUrl, dataDir } = testStack()

test('whatever happens, each line of every log of the stack is JSON that has no key twice', async () => {
  const key = crypto.randomUUID()
  const order = () =>
    fetch(`${apiUrl}/v1/videos`, {
      method: 'POST',
      body: orderForm({ steps: '1' }, toneWav(1)),
      headers: { 'idempotency-key': key },
    })
  const { id } = videoSchema.parse(await (await order()).json())
  assert.equal((await order()).headers.get('idempotency-replayed'), 'true')
  assert.equal((await postOrder(apiUrl, orderForm({ steps: '0' }))).status, 400)
  // A film whose codec the reader of containers does not know, which it would print.
  const film = new FormData()
  const mjpeg = ['-f', 'lavfi', '-i', 'testsrc=d=1:s=128x128', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p']
  const fragmented = ['-movflags', '+frag_keyframe+empty_moov', '-f', 'mov', 'pipe:1']
  film.append('input_reference', new Blob([ffmpeg(...mjpeg, ...fragmented)]), 'a.mov')
  film.append('audio', new Blob([toneWav(1)]), '1.wav')
  await (await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: film })).text()
  await videoUntil(apiUrl, id, ({ status }) => status === 'completed')
  await (await fetch(`${apiUrl}/v1/videos/${id}/content`)).arrayBuffer()
  await (await fetch(`${apiUrl}/v1/videos/${id}/nothing`)).text()
  await (await fetch(`${apiUrl}/v1/videos/${id}`, { method: 'DELETE' })).text()

  const logs = readLogs(join(dataDir, 'logs'))
  const [api = []] = [...logs].filter(([file]) => file.startsWith('api')).map(([, lines]) => lines)
  assert.ok(api.some(({ event, video }) => event === 'accepted' && video === id))
  assert.ok(
    api.some(({ event, type, param }) => event === 'request' && type === 'invalid_parameter' && param === 'steps'),
  )
  // Downloads and what is not there are told at debug, which the stack does not write.
  assert.ok(!api.some(({ method, status }) => method === 'GET' && Number(status) < 500))
  assert.ok(logs.size > 5, [...logs.keys()].join(' '))
})
