import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import {
  exampleDocument,
  exampleFolder,
  filesOf,
  ownDocument,
  readExamples,
  runCurl,
} from '../support/curl-examples.js'
import { decodeSound, inspectFile, soundRate } from '../support/api/finished-file.js'
import { testStack } from '../support/test-stack.js'

/** The contract's eleven keys, with the type of each. */
const contract = {
  id: 'string',
  object: 'string',
  model: 'string',
  status: 'string',
  progress: 'integer',
  created_at: 'integer',
  estimated_time: 'integer',
  queue_length: 'integer',
  duration: 'integer',
  seconds: 'string',
  error: 'string',
} as const
type Answer = { [key in keyof typeof contract]: (typeof contract)[key] extends 'string' ? string : number }

const { apiUrl, s3 } = testStack()
const readme = exampleDocument()
const { orders, status, download, removal } = await readExamples(readme)
const folder = mkdtempSync(join(tmpdir(), 'contract-examples-'))
after(() => rmSync(folder, { recursive: true }))

test('our own README shows the same examples: they stand in where the original’s is not there', async () => {
  assert.equal((await readExamples(ownDocument())).orders.length, orders.length)
})

function readAnswer(text: string): Answer {
  const answer = JSON.parse(text) as Record<string, unknown>
  for (const [key, type] of Object.entries(contract)) {
    const value = answer[key]
    assert.ok(type === 'string' ? typeof value === 'string' : Number.isInteger(value), `${key} in ${text}`)
  }
  return answer as Answer
}

/** Asks with the document's own command until the video is completed; every answer on the way. */
async function follow(id: string): Promise<Answer[]> {
  const answers: Answer[] = []
  for (;;) {
    const answer = readAnswer(await runCurl(status, folder, apiUrl, id))
    assert.ok(['queued', 'processing', 'completed'].includes(answer.status), JSON.stringify(answer))
    assert.ok(answer.progress >= (answers.at(-1)?.progress ?? 0), 'progress does not fall')
    answers.push(answer)
    if (answer.status === 'completed') return answers
    await sleep(200)
  }
}

/** Seconds of the sound that an order's files make together. */
function soundSeconds(order: string): number {
  const { voices, isParallel } = filesOf(order, folder)
  const lengths = voices.map((voice) => decodeSound(voice).length / soundRate)
  return isParallel ? Math.max(...lengths) : lengths.reduce((sum, length) => sum + length, 0)
}

function assertIsTheVideo(path: string, seconds: number): void {
  const { boxes, frames, soundSeconds, ...file } = inspectFile(path)
  assert.deepEqual(
    { codecs: [file.videoCodec, file.pixelFormat, file.audioCodec], fps: file.fps, isEven: file.isEven },
    { codecs: ['h264', 'yuv420p', 'aac'], fps: 24, isEven: true },
  )
  assert.equal(frames, Math.floor(seconds * 24))
  assert.ok(Math.abs(soundSeconds - seconds) <= 1 / 24, `${soundSeconds} s of sound instead of ${seconds} s`)
  assert.ok(boxes.indexOf('moov') < boxes.indexOf('mdat'), boxes.join(' '))
}

/** Nothing of a deleted video is there: a 404 of the contract's shape, and no object. */
async function assertIsGone(id: string): Promise<void> {
  const { error } = JSON.parse(await runCurl(status, folder, apiUrl, id)) as { error: Record<string, string> }
  assert.equal(error['code'], '404')
  assert.match(error['message'] ?? '', new RegExp(id))
  await using store = await connectObjectStore(s3)
  for await (const { key } of store.list(objectKeys.video(id))) assert.fail(`${key} is left`)
}

/**
 * Of videos ordered at once one waits behind the others, and then for fewer of them. Not for fewer to its very end: one whose
 * reference takes longer to prepare is overtaken, and counts again once it is rendered too, as the older.
 */
function assertQueueCountsDown(queueLengths: number[][]): void {
  const longest = Math.max(...queueLengths.flat())
  const waiting = queueLengths.find((lengths) => lengths.includes(longest)) ?? []
  assert.ok(longest >= queueLengths.length - 1, `${longest} are ahead`)
  // The last answer is that of a completed video, which waits for nobody.
  assert.ok(Math.min(...waiting.slice(0, -1)) < longest, `from ${waiting.join(' to ')}`)
}

// All three at once and word for word, with their 50 steps: more than the stack has nodes.
test('the curl examples of the contract make, show, download and delete three videos', async () => {
  await exampleFolder(folder, readme)
  const followed = await Promise.all(
    orders.map(async (order) => {
      const ordered = readAnswer(await runCurl(order, folder, apiUrl))
      const { id, object, status, progress, duration, error } = ordered
      assert.match(id, /^video_\d+_\w+$/)
      assert.deepEqual([object, status, progress, duration, error], ['video', 'queued', 0, 0, ''])
      return [ordered, ...(await follow(id))]
    }),
  )
  assertQueueCountsDown(followed.map((answers) => answers.map(({ queue_length }) => queue_length)))

  for (const [i, answers] of followed.entries()) {
    const video = answers.at(-1)
    assert.ok(video)
    const seconds = soundSeconds(orders[i] ?? '')
    assert.deepEqual([video.progress, video.queue_length, video.estimated_time, video.error], [100, 0, 0, ''])
    assert.equal(video.seconds, String(Math.floor(seconds)))
    assert.ok(video.duration > 0)

    await runCurl(download, folder, apiUrl, video.id)
    assertIsTheVideo(join(folder, 'video.mp4'), seconds)
    const deleted = readAnswer(await runCurl(removal, folder, apiUrl, video.id))
    assert.deepEqual([deleted.id, deleted.status], [video.id, 'deleted'])
    await assertIsGone(video.id)
  }
})
