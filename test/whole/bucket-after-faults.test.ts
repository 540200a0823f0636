import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { createS3Client } from '../../infra/s3/s3-client.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { picture, toneWav } from '../support/api/api-media.js'
import { startApiProcess } from '../support/api/api-process.js'
import { completedVideo } from '../support/video/completed-video.js'
import { faultProxy } from '../support/faults/fault-proxy.js'
import { ownBucket } from '../support/own-bucket.js'
import { testStack } from '../support/test-stack.js'

// An API of our own on the stack, in a bucket that nobody else writes to, behind a proxy that counts what is read.
const stack = testStack()
const address = await ownBucket(stack, 'after-faults')
const bucket = address.S3_BUCKET
const proxy = await faultProxy(stack.s3.S3_ENDPOINT)
const api = await startApiProcess(stack, { ...address, S3_ENDPOINT: proxy.url })
const store = await connectObjectStore(address)
const s3 = createS3Client(address)
after(async () => {
  await api[Symbol.asyncDispose]()
  await store.removeAll('videos/')
  await store[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  s3.destroy()
})

/** Objects and unfinished uploads of the bucket. */
async function left(): Promise<unknown[]> {
  const [objects, uploads] = await Promise.all([
    s3.send(new ListObjectsV2Command({ Bucket: bucket })),
    s3.send(new ListMultipartUploadsCommand({ Bucket: bucket })),
  ])
  return [...(objects.Contents ?? []).map(({ Key }) => Key), ...(uploads.Uploads ?? []).map(({ Key }) => Key)]
}

/** A refusal is answered before the objects are gone; but they go by themselves. */
async function assertNothingLeft(): Promise<void> {
  for (let waited = 0; (await left()).length > 0; waited += 50) {
    assert.ok(waited < 20_000, `still in the bucket: ${(await left()).join(' ')}`)
    await sleep(50)
  }
}

const boundary = 'cut-here'
const png = await picture('png')
const files = {
  picture: { name: 'input_reference', bytes: png },
  voice: { name: 'audio', bytes: toneWav(1) },
  /** Of several S3 parts. */
  longVoice: { name: 'audio', bytes: toneWav(700) },
  silence: { name: 'audio', bytes: toneWav(1, 0) },
  noPicture: { name: 'input_reference', bytes: Buffer.from('no picture') },
  halfPicture: { name: 'input_reference', bytes: png.subarray(0, png.length / 2) },
  wrongSteps: { name: 'steps', bytes: Buffer.from('0') },
  unknown: { name: 'stpes', bytes: Buffer.from('5') },
}
type Part = keyof typeof files

/** A whole multipart body. Parts that are files say so by their file name. */
function bodyOf(parts: Part[]): Buffer {
  const pieces = parts.flatMap((part) => {
    const { name, bytes } = files[part]
    const file = name === 'input_reference' || name === 'audio' ? '; filename="x"' : ''
    return [
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`),
      bytes,
      '\r\n',
    ]
  })
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)))
}

/** Orders that must be refused: each with what is wrong among parts that are right, in any order. */
const wrongOrder = fc
  .constantFrom<Part[]>(
    ['picture'],
    ['voice'],
    ['longVoice'],
    ['picture', 'longVoice'], // too long
    ['picture', 'silence'],
    ['voice', 'noPicture'],
    ['longVoice', 'halfPicture'],
    ['picture', 'voice', 'wrongSteps'],
    ['picture', 'voice', 'unknown'],
    ['picture', 'voice', 'voice', 'voice'],
    ['picture', 'picture', 'voice'],
  )
  .chain((parts) => fc.shuffledSubarray(parts, { minLength: parts.length }))

test('whatever is wrong with an order, it is refused and nothing of it stays in S3', async () => {
  await fc.assert(
    fc.asyncProperty(wrongOrder, async (parts) => {
      const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
      const answer = await fetch(`${api.url}/v1/videos`, { method: 'POST', headers, body: bodyOf(parts) })
      const { error } = (await answer.json()) as { error?: { code: string } }
      assert.match(error?.code ?? 'accepted', /^4\d\d$/)
      await assertNothingLeft()
    }),
    { numRuns: 25 },
  )
})

test('wherever a sender leaves a good order, nothing of it stays in S3', async () => {
  const body = bodyOf(['longVoice', 'picture', 'voice'])
  const head = `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${body.length}\r\n\r\n`
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(300), async (share, lingerMs) => {
      const socket = connect(api.port, '127.0.0.1')
      socket.write(head)
      await new Promise((resolve) => socket.write(body.subarray(0, Math.floor(share * body.length)), resolve))
      await sleep(lingerMs) // meanwhile parts of it reach S3
      socket.destroy()
      await assertNothingLeft()
    }),
    { numRuns: 10 },
  )
  assert.ok(
    proxy.seen.some((seen) => seen.includes('partNumber=')),
    'parts had reached S3',
  )
})

test('a client that leaves its download ends the reading from S3', async () => {
  const bytes = 256 * 2 ** 20
  const id = `video_1700000000_${'a'.repeat(10)}`
  await using _video = await completedVideo(stack, store, { id, bytes })
  proxy.answered = 0
  const socket = connect(api.port, '127.0.0.1')
  socket.write(`GET /v1/videos/${id}/content HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  assert.match(first.toString('latin1', 0, 20), /^HTTP\/1\.1 200 /)
  socket.destroy()
  let read: number
  do {
    read = proxy.answered
    await sleep(500)
  } while (proxy.answered > read)
  assert.ok(read < bytes / 2, `${read} of ${bytes} bytes were read`)
})

test('once the API has drained there is nothing in its bucket', async () => {
  await api[Symbol.asyncDispose]() // waits for all that is still under way
  assert.deepEqual(await left(), [])
})
