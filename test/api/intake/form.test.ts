import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { FilePart } from '../../../api/intake/collected-parts.js'
import { readForm } from '../../../api/intake/form.js'
import { usualPatience } from '../../../api/intake/pour-body.js'
import { Problem } from '../../../api/http/problems.js'
import { boundary, collect, formOf, type Part, requestOf, voice } from '../../support/form-bodies.js'

type Read = { texts: [string, string][]; reference: string | undefined; voices: string[] }

/** What becomes of a body: what was read, or the type of the refusal. */
async function outcome(body: Buffer, pieceBytes: number): Promise<Read | string> {
  const running = { stores: 0 }
  const storeFile = async (part: FilePart, file: AsyncIterable<Uint8Array>) => {
    running.stores += 1
    return collect(part, file).finally(() => {
      running.stores -= 1
    })
  }
  const { signal } = new AbortController()
  try {
    const patience = { ...usualPatience, storeStallMs: 50 }
    const form = await readForm(requestOf(body, pieceBytes), { storeFile, patience, signal })
    return { texts: [...form.texts], reference: form.reference, voices: form.voices }
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error.type
  } finally {
    assert.equal(running.stores, 0, 'a file is still being stored after the form has ended')
  }
}

/** Letters that make trouble: line ends, dashes, the boundary itself. */
const trouble = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', '--', `--${boundary}`, '\r\n--cut', 'a', '\u0000', '"', ';', 'ÿ'), {
    maxLength: 8,
  })
  .map((pieces) => pieces.join(''))

const anyPart = fc.record({
  name: fc.constantFrom(
    'audio',
    'audio[]',
    'input_reference',
    'prompt',
    'steps',
    'user',
    '__proto__',
    'constructor',
    '',
  ),
  file: fc.option(fc.constantFrom('a.wav', '../../x', 'C:\\x\\y.mp4', ''), { nil: undefined }),
  type: fc.option(fc.constantFrom('audio/wav', 'text/plain', 'application/octet-stream'), { nil: undefined }),
  body: trouble,
})

/** The boundary at the start of a line within a content, which no sender may choose: busboy 1.6 reads it otherwise in pieces. */
const holdsBoundary = ({ body }: Part): boolean => `\r\n${body}`.includes(`\r\n--${boundary}`)

test('a form that holds its own boundary ends one way or the other, and nothing is left running', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPart, { maxLength: 6 }), fc.constantFrom(1, 3, 1000), async (parts, pieceBytes) => {
      fc.pre(parts.some(holdsBoundary))
      await outcome(formOf(parts), pieceBytes)
    }),
    { numRuns: 150 },
  )
})

test('any form is read or refused the same whole, in 3-byte and in 1-byte pieces, and nothing is left running', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPart, { maxLength: 6 }), async (parts) => {
      fc.pre(!parts.some(holdsBoundary))
      const body = formOf(parts)
      const whole = await outcome(body, body.length)
      assert.deepEqual(await outcome(body, 3), whole)
      assert.deepEqual(await outcome(body, 1), whole)
    }),
    { numRuns: 150 },
  )
})

test('a form cut off anywhere before its end is refused, whatever the pieces', async () => {
  const body = formOf([
    { name: 'prompt', body: 'p' },
    { name: 'audio', file: 'a.wav', type: 'audio/wav', body: 'sound\r\n--cut-her' },
    { name: 'input_reference', file: 'r.png', type: 'image/png', body: 'picture' },
  ])
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: body.length - 5 }),
      fc.constantFrom(1, 3, 1000),
      async (length, pieceBytes) => {
        assert.equal(await outcome(body.subarray(0, length), pieceBytes), 'malformed_request')
      },
    ),
    { numRuns: 150 },
  )
})

test('bytes that are no form at all are refused, and nothing hangs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(1, 3, 1000), async (bytes, pieceBytes) => {
      assert.equal(typeof (await outcome(Buffer.from(bytes), pieceBytes)), 'string')
    }),
    { numRuns: 100 },
  )
})

test('audio, audio[] and audio[0] add up in the order in which they are sent, also with one file name', async () => {
  const read = await outcome(formOf([voice('audio[]', 'one'), voice('audio', 'two')]), 7)
  assert.deepEqual((read as Read).voices, ['voice:one', 'voice:two'])
  const other = await outcome(formOf([voice('audio[1]', 'one'), voice('audio[0]', 'two')]), 7)
  assert.deepEqual((other as Read).voices, ['voice:one', 'voice:two'])
})

test('what a form may not hold is refused for what it is', async () => {
  const cases: [string, Part[]][] = [
    ['invalid_parameter', [voice('audio', '1'), voice('audio', '2'), voice('audio', '3')]],
    ['invalid_parameter', [voice('input_reference', '1'), voice('input_reference', '2')]],
    ['invalid_parameter', [{ name: 'audio[]', body: "b'RIFF'" }]],
    ['invalid_parameter', [{ name: 'input_reference', body: 'https://example.org/x.png' }]],
    ['invalid_parameter', [voice('steps', '50')]],
    [
      'invalid_parameter',
      [
        { name: 'steps', body: '5' },
        { name: 'steps', body: '6' },
      ],
    ],
    ['unknown_parameter', [{ name: '__proto__', body: 'x' }]],
    ['unknown_parameter', [voice('voice', '1')]],
    ['malformed_request', [{ name: '', body: 'x' }]],
    ['too_large', Array.from({ length: 100 }, () => ({ name: 'user', body: 'x' }))],
    ['too_large', [{ name: 'prompt', body: 'x'.repeat(70_000) }]],
    ['unknown_parameter', [{ name: 'x'.repeat(2000), body: 'x' }]],
  ]
  for (const [type, parts] of cases) assert.equal(await outcome(formOf(parts), 1000), type, JSON.stringify(parts[0]))
})

test('a text where a file belongs is answered with how to send one', async () => {
  const body = formOf([{ name: 'audio[]', body: '1.wav' }])
  const { signal } = new AbortController()
  const reading = readForm(requestOf(body, 99), { storeFile: collect, patience: usualPatience, signal })
  await assert.rejects(
    reading,
    (error: Problem) => error.param === 'audio' && /files=\[.*\("audio\[\]"/.test(error.message),
  )
})

test('a store that gives up in the middle of a file is heard, however long it tidies up', async () => {
  const body = formOf([{ name: 'input_reference', file: 'a', type: 'video/mp4', body: 'x'.repeat(200_000) }])
  const storeFile = async (_part: FilePart, file: AsyncIterable<Uint8Array>): Promise<never> => {
    for await (const _chunk of file) break
    await sleep(50)
    throw new Problem('too_large', 'the video is larger than it may be')
  }
  const { signal } = new AbortController()
  const read = readForm(requestOf(body, 10_000), { storeFile, patience: usualPatience, signal })
  await assert.rejects(read, (error: unknown) => error instanceof Problem && error.type === 'too_large')
})

test('a file whose content begins with the boundary has no end, and is given up', async () => {
  const part = (body: string): Part => ({ name: 'input_reference', file: 'a', type: 'video/mp4', body })
  const body = formOf([part(`--${boundary}\r\n--\r\n--cut`), { name: 'prompt', body: 'p' }])
  const patience = { ...usualPatience, storeStallMs: 50 }
  const { signal } = new AbortController()
  const read = readForm(requestOf(body, 3), { storeFile: collect, patience, signal })
  await assert.rejects(read, (error: unknown) => error instanceof Problem && error.type === 'malformed_request')
})
