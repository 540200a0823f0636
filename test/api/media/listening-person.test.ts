import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Order } from '../../../workflows/order.js'
import { startTestApi, type TestApi } from '../../support/api/api-fixture.js'
import { toneWav } from '../../support/api/api-media.js'
import { orderForm, postOrder } from '../../support/api/api-orders.js'

const voiceOf = (bytes: Buffer) => new Blob([Uint8Array.from(bytes)])
const orderOf = (api: TestApi): Order => api.started.at(-1)?.options.args[0].order as Order

/** A form whose only voices are these. */
function formWith(fields: Record<string, string>, ...voices: Buffer[]): FormData {
  const form = orderForm(fields)
  form.delete('audio')
  for (const [i, bytes] of voices.entries()) form.append('audio', voiceOf(bytes), `${i}.wav`)
  return form
}

test('a silent voice beside one who speaks is taken, and the answer says who listens', async () => {
  await using api = await startTestApi()
  const form = formWith({ audio_type: 'para' }, toneWav(0.8, 0), toneWav(1))
  const { status, headers } = await postOrder(api.url, form)
  assert.equal(status, 200)
  assert.equal(headers.get('x-video-note'), 'voice 1 is silent: person 1 only listens')
  assert.deepEqual(
    orderOf(api).voices.map(({ samples, isSilent }) => [samples, isSilent]),
    [
      [12_800, true],
      [16_000, undefined],
    ],
  )
})

test('one voice and two boxes at once: the second person gets silence, which the ranks can read', async () => {
  await using api = await startTestApi()
  const bbox = '[{"x":0,"y":0,"width":40,"height":128},{"x":56,"y":0,"width":30,"height":128}]'
  const { status, headers, body } = await postOrder(api.url, formWith({ audio_type: 'para', bbox }, toneWav(1)))
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(headers.get('x-video-note'), 'voice 2 is silent: person 2 only listens')
  const { voices, parameters } = orderOf(api)
  assert.equal(parameters.bbox.length, 2)
  for (const { key, bytes } of voices.flatMap((voice) => [voice, voice.analysis])) {
    assert.equal(api.store.objects.get(key)?.length, bytes, key)
  }
  assert.equal(voices[1]?.isSilent, true)
  assert.equal(body.seconds, '1')

  // One after the other there is nothing to listen to.
  const refused = await postOrder(api.url, formWith({ audio_type: 'add', bbox }, toneWav(1)))
  assert.equal(refused.status, 400)
  assert.match(refused.body.error.message, /with audio_type=para and two boxes the second person listens/)
})
