import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, type TestContext, test } from 'node:test'
import { expectedAnswers, type ExpectedAnswer } from '../fixtures/inputs.js'
import { output } from '../support/client-tools.js'
import { orderForm, postOrder, videoUntil } from '../support/api/api-orders.js'
import { casesDir, type InputCase, readCases, requestOf } from '../support/input-cases.js'
import { type RawAnswer, rawRequest } from '../support/raw-http.js'
import { testStack } from '../support/test-stack.js'
import type { VideoContent } from '../support/media/video-content.js'

// Every input of the collection, sent byte for byte; each that is accepted is followed to its video, which is watched and listened to.
// INPUTS=W0,H01 takes those whose ids begin so.
const { apiUrl } = testStack()
const cases = readCases()
const wanted = (process.env['INPUTS'] ?? '').split(',')
const chosen = (cases ?? []).filter(({ id }) => wanted.some((prefix) => id.startsWith(prefix)))
const watchVideo = fileURLToPath(new URL('../support/media/watch-video.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'inputs-'))
after(() => rmSync(folder, { recursive: true }))

let completed: Promise<string> | undefined

/** The id of a completed video, made once. */
function aCompletedVideo(): Promise<string> {
  completed ??= (async () => {
    const { body } = await postOrder(apiUrl, orderForm({ steps: '1' }))
    await videoUntil(apiUrl, body.id as string, ({ status }) => status === 'completed')
    return body.id as string
  })()
  return completed
}

const missing = cases === undefined && `there is no collection at ${casesDir}: set CASES_DIR`

test('every input of the collection has an expected answer, and every expected answer its input', {
  skip: missing,
}, () => {
  assert.deepEqual(Object.keys(expectedAnswers).sort(), cases?.map(({ id }) => id).sort())
})

// Several at once: a video waits for its turn most of its time.
test('inputs', { skip: missing, concurrency: 6 }, async (t) => {
  await Promise.all(chosen.map((input) => t.test(`${input.id} ${input.description}`, (t) => check(t, input))))
})

async function check(t: TestContext, input: InputCase): Promise<void> {
  const expected = expectedAnswers[input.id]
  assert.ok(expected, 'no answer is expected of it')
  const video = input.request.path.includes('{VIDEO}') ? await aCompletedVideo() : ''
  const ask = () => rawRequest(apiUrl, requestOf(input, apiUrl, video))
  // Whoever listens only once all is sent may lose one answer in twenty.
  const tries = input.request.transport?.read_late === true ? 19 : 0
  let lost = 0
  for (let i = 0; i < tries; i++) await ask().catch(() => lost++)
  assert.ok(lost <= 1, `${lost} answers of ${tries} were lost`)
  const answer = await ask()
  const text = answer.body.toString('utf8', 0, 2000)
  t.diagnostic(`${input.id} ${answer.status} ${answer.status === 200 ? '' : text}`)
  assert.ok(
    [expected.status].flat().includes(answer.status),
    `${answer.status} ${text}\nright is: ${input.expected.check}`,
  )
  for (const [name, pattern] of Object.entries(expected.headers ?? {})) {
    assert.match(answer.headers[name] ?? '', pattern, name)
  }
  if (expected.bytes !== undefined) assert.equal(answer.body.length, expected.bytes)
  if (input.request.method !== 'POST') return
  if (answer.status === 200) await checkVideo(t, answer, expected)
  else checkRefusal(answer, expected)
}

function checkRefusal(answer: RawAnswer, { type, param, says }: ExpectedAnswer): void {
  const { error } = JSON.parse(String(answer.body)) as {
    error: { type: string; param: string | null; message: string }
  }
  if (type !== undefined) assert.equal(error.type, type, error.message)
  if (param !== undefined) assert.equal(error.param, param, error.message)
  if (says !== undefined) assert.match(error.message, says)
}

async function checkVideo(t: TestContext, { headers, body }: RawAnswer, expected: ExpectedAnswer): Promise<void> {
  const { id, prompt } = JSON.parse(String(body)) as { id: string; prompt: string }
  const { note, seed } = expected
  if (note !== undefined) assert.match(headers['x-video-note'] ?? '', note)
  if (seed !== undefined) assert.equal(headers['x-video-seed'], String(seed))
  if (expected.prompt !== undefined) assert.equal(prompt, expected.prompt)
  await videoUntil(apiUrl, id, ({ status }) => status === 'completed')
  const path = join(folder, `${id}.mp4`)
  writeFileSync(path, Buffer.from(await (await fetch(`${apiUrl}/v1/videos/${id}/content`)).arrayBuffer()))
  const { file, pictureSeconds, loudness, colours } = JSON.parse(
    await output(process.execPath, [watchVideo, path], { cwd: folder }),
  ) as VideoContent
  const seen = `${file.width}x${file.height}, ${pictureSeconds.toFixed(2)} s of picture, ${file.soundSeconds.toFixed(2)} s of sound`
  t.diagnostic(`${seen}, ${loudness} dBFS, colours ${colours.join(' ')}; ${headers['x-video-note'] ?? ''}`)
  rmSync(path)
  await fetch(`${apiUrl}/v1/videos/${id}`, { method: 'DELETE' })

  const { seconds, loud, shape } = expected
  if (seconds !== undefined) {
    for (const length of [file.soundSeconds, pictureSeconds])
      assert.ok(Math.abs(length - seconds) <= 0.1, `${seen}; ${seconds} s is right`)
  }
  if (loud !== undefined) assert.ok(loudness >= loud[0] && loudness <= loud[1], `${loudness} dBFS`)
  for (const seen of expected.colour === undefined ? [] : colours) {
    const far = expected.colour?.some((right, at) => Math.abs((seen[at] ?? 0) - right) > 12)
    assert.ok(far === false, `colours ${colours.join(' ')}; ${expected.colour?.join()} is right`)
  }
  if (shape !== undefined) assert.equal(file.width < file.height ? 'portrait' : 'landscape', shape)
}
