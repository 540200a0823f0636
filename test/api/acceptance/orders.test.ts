import assert from 'node:assert/strict'
import test from 'node:test'
import sharp from 'sharp'
import { videoSchema } from '../../../api/videos/video-schema.js'
import type { Order } from '../../../workflows/order.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import { startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { picture, toneWav } from '../../support/api/api-media.js'

/** A photograph as a telephone makes one: 200 x 100 pixels in the file, displayed as 100 x 200. */
const turned = await sharp(await picture('jpeg', 200, 100))
  .withMetadata({ orientation: 6 })
  .toBuffer()
const box = (x: number, y: number, width: number, height: number) => ({ x, y, width, height })

async function post(api: TestApi, texts: Record<string, string>, ...voices: Buffer[]) {
  const body = new FormData()
  for (const [name, text] of Object.entries(texts)) body.append(name, text)
  body.append('input_reference', new Blob([turned]), 'photo.jpg')
  for (const voice of voices) body.append('audio', new Blob([voice]), 'voice.wav')
  const answer = await fetch(`${api.url}/v1/videos`, { method: 'POST', body })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as any }
}

function startedOrder(api: TestApi, id: string): Order {
  return api.started.find((video) => video.id === id)?.options.args[0].order as Order
}

test('preset, negative prompt and boxes are in the order that is started', async () => {
  await using api = await startTestApi()
  const boxes = [box(0, 100, 100, 50), box(0, 0, 100, 50)]
  const texts = { audio_type: 'para', preset: 'fast', steps: '6', negative_prompt: 'rain', bbox: JSON.stringify(boxes) }
  const { status, body } = await post(api, texts, toneWav(1), toneWav(1))
  assert.equal(status, 200, JSON.stringify(body))
  const order = startedOrder(api, body.id)
  const { preset, steps, shift, guide_scale, audio_guide_scale, negative_prompt, bbox } = order.parameters
  assert.deepEqual(
    [preset, steps, shift, guide_scale, audio_guide_scale, negative_prompt],
    ['fast', 6, 2, 1, 2, 'rain'],
  )
  assert.deepEqual(bbox, boxes)
  assert.deepEqual([order.reference.width, order.reference.height], [100, 200])
  assert.deepEqual(api.started[0]?.options.args[0].order, order)
})

test('boxes are measured in the photograph as it is displayed; refused ones leave nothing', async () => {
  await using api = await startTestApi()
  const lying = JSON.stringify([box(0, 0, 90, 100), box(100, 0, 90, 100)]) // as the file has it
  const { status, body } = await post(api, { bbox: lying }, toneWav(1), toneWav(1))
  assert.deepEqual([status, body.error.type, body.error.param], [400, 'invalid_parameter', 'bbox'])
  assert.match(body.error.message, /person 2 reaches to 190 x 100, beyond the 100 x 200 pixels of the reference/)
  assert.deepEqual([api.store.objects.size, api.started.length], [0, 0])
})

test('a shorter voice beside a longer one is padded, and the answers say so', async () => {
  await using api = await startTestApi()
  const { headers, body } = await post(api, { audio_type: 'para' }, toneWav(2), toneWav(0.75))
  const note = 'voice 2 is 1.25 s shorter than voice 1 and is followed by as much silence'
  assert.equal(headers.get('x-video-note'), note)
  assert.equal(videoSchema.parse(body).seconds, '2')
  const read = await fetch(`${api.url}/v1/videos/${body.id}`)
  assert.equal(read.headers.get('x-video-note'), note)
  for (const [texts, ...voices] of [
    [{ audio_type: 'add' }, toneWav(2), toneWav(0.75)],
    [{ audio_type: 'para' }, toneWav(1), toneWav(1.005)],
    [{ audio_type: 'para' }, toneWav(1)],
  ] as [Record<string, string>, ...Buffer[]][]) {
    const answer = await post(api, texts, ...voices)
    assert.deepEqual([answer.status, answer.headers.get('x-video-note')], [200, null])
  }
})

test('a preset that no live node has the weights for is refused', async () => {
  await using api = await startTestApi()
  const node = { node: 'n', at: Date.now(), state: 'idle', engine: 'infinitetalk', model: 'InfiniteTalk', ranks: 8 }
  await api.store.put(
    objectKeys.node('n'),
    JSON.stringify({ format: 1, ...node, presets: ['quality'], speeds: [], renders: null }),
  )
  const { status, body } = await post(api, { preset: 'turbo' }, toneWav(1))
  assert.deepEqual([status, body.error.type, body.error.param], [400, 'invalid_parameter', 'preset'])
  assert.match(body.error.message, /offered: 'quality'$/)
  assert.equal((await post(api, {}, toneWav(1))).status, 200)
})
