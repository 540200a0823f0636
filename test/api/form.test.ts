import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { type FilePart, readForm } from '../../api/intake/form.js'
import { usualPatience } from '../../api/intake/pour-body.js'
import { Problem } from '../../api/http/problems.js'

const boundary = 'cut-here'

/** A request with this body, given in pieces of so many bytes. */
function requestOf(body: Buffer, pieceBytes: number, contentType = `multipart/form-data; boundary=${boundary}`) {
  const req = new IncomingMessage(new Socket())
  req.headers = { 'content-type': contentType }
  for (let at = 0; at < body.length; at += pieceBytes) req.push(body.subarray(at, at + pieceBytes))
  req.push(null)
  req.complete = true
  return req
}

type Read = { texts: [string, string][]; reference: string | undefined; voices: string[] }

async function collect(part: FilePart, body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return `${part.kind}:${Buffer.concat(chunks).toString('latin1')}`
}

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

type Part = { name: string; file?: string | undefined; type?: string | undefined; body: string }

function formOf(parts: Part[]): Buffer {
  const written = parts.map(({ name, file, type, body }) => {
    const filename = file === undefined ? '' : `; filename="${file}"`
    const contentType = type === undefined ? '' : `\r\nContent-Type: ${type}`
    return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename}${contentType}\r\n\r\n${body}\r\n`
  })
  return Buffer.from(`${written.join('')}--${boundary}--\r\n`, 'latin1')
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

const voice = (name: string, body: string, file = 'same.wav'): Part => ({ name, file, type: 'audio/wav', body })

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
    ['invalid_parameter', [{ name: 'audio', file: '', body: '' }]],
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

/** A form of one part with this head, and these bytes as its content. */
function partOf(head: string | Buffer, content: string | Buffer): Buffer {
  const pieces = [`--${boundary}\r\n`, head, '\r\n\r\n', content, `\r\n--${boundary}--\r\n`]
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
}

async function read(body: Buffer, pieceBytes = 1000) {
  const { signal } = new AbortController()
  return readForm(requestOf(body, pieceBytes), { storeFile: collect, patience: usualPatience, signal })
}

const promptIn = (charset: string | undefined) =>
  `Content-Disposition: form-data; name="prompt"${charset === undefined ? '' : `\r\nContent-Type: text/plain; ${charset}`}`

test('text is read in the charset that its part names, else as UTF-8', async () => {
  const cases: [charset: string | undefined, bytes: string, text: string][] = [
    [undefined, 'e4b880e4b8aae5a5b3e4baba', '一个女人'],
    [undefined, 'efbbbfe4b880', '一'], // a byte order mark is no part of it
    ['charset=UTF-8', 'e4b880', '一'],
    ['charset="utf8"', 'e4b880', '一'],
    ['charset=us-ascii', 'e4b880', '一'],
    ['charset=gbk', 'd2bbb8f6c5aec8cb', '一个女人'],
    ['charset=GB2312', 'd2bbb8f6c5aec8cb', '一个女人'],
    ['charset=gb18030', 'd2bbb8f6c5aec8cb', '一个女人'],
    ['format=flowed; charset=Shift_JIS', '93fa967b', '日本'],
    ['charset=euc-kr', 'c7d1b1b9', '한국'],
    ['charset=big5', 'a4a4a4e5', '中文'],
    ['charset=utf-16le', '004e2a4e', '一个'],
    ['charset=utf-16', 'fffe004e2a4e', '一个'],
    ['charset=utf-16', 'feff4e004e2a', '一个'], // as Java writes it
    ['charset=utf-16be', '4e004e2a', '一个'],
    ['charset=iso-8859-1', '6361669c', 'cafœ'], // by the Encoding Standard it is windows-1252
    ['charset=windows-1251', 'cfeee5f2', 'Поет'],
    ['charset=', '61', 'a'],
    [undefined, '09610d0a62', '\ta\r\nb'],
  ]
  for (const [charset, bytes, text] of cases) {
    const body = partOf(promptIn(charset), Buffer.from(bytes, 'hex'))
    for (const pieceBytes of [1000, 1]) {
      const { texts } = await read(body, pieceBytes)
      assert.deepEqual([...texts], [['prompt', text]], `${charset} ${bytes}`)
    }
  }
})

test('what is no text in its charset, or holds control characters, is refused by name with what to do', async () => {
  const cases: [charset: string | undefined, bytes: string, message: RegExp][] = [
    [undefined, 'd2bbb8f6c5aec8cb', /^'prompt' is not UTF-8\..*chcp 65001.*-F "prompt=<file"/],
    [undefined, 'fffe004e2a4e', /^'prompt' is not UTF-8/],
    [undefined, 'eda080', /^'prompt' is not UTF-8/], // half of a pair
    ['charset=us-ascii', 'ff', /^'prompt' is not text in us-ascii/],
    ['charset=gbk', 'ff', /^'prompt' is not text in gbk/],
    ['charset=utf-16', '00d8', /^'prompt' is not text in utf-16/],
    ['charset=utf-7', '61', /^'prompt' is sent with charset=utf-7, which is not known here; send UTF-8/],
    ['charset=utf-32', '61', /charset=utf-32/],
    ['charset=x-nonsense', '61', /charset=x-nonsense/],
    ['charset=__proto__', '61', /charset=__proto__/],
    [undefined, '610062', /^'prompt' holds the control character U\+0000/],
    [undefined, '1b5b33316d', /U\+001B/],
    [undefined, '610b', /U\+000B/],
    ['charset=utf-16le', '61000000', /U\+0000/],
  ]
  for (const [charset, bytes, message] of cases) {
    await assert.rejects(read(partOf(promptIn(charset), Buffer.from(bytes, 'hex'))), (error: unknown) => {
      assert.ok(error instanceof Problem, String(error))
      assert.deepEqual([error.type, error.param], ['invalid_parameter', 'prompt'])
      assert.match(error.message, message)
      return true
    })
  }
})

test('a part whose head is written strangely is taken all the same', async () => {
  const file = (disposition: string, ...more: string[]) => [`Content-Disposition: ${disposition}`, ...more].join('\r\n')
  const files = [
    file('form-data; name="audio[]"; filename="take "2".wav"', 'Content-Type: audio/wav'),
    file('form-data; name="audio"; filename=\u00e9t\u00e9.wav'),
    file('form-data; filename=a b.wav; name=audio'),
    file('form-data; name="audio"; filename*=gb18030\'\'%C2%BC.wav'),
    file('form-data; name="audio"; filename*=utf-8\'\'%E5%BD%95.wav'),
    file('form-data; name="audio"; filename="C:\\sounds\\"'),
    file('form-data; name="audio"; filename="a;name=b.wav"'),
    file('form-data; filename="; name=steps"; name="audio"'),
    file('form-data; name="audio"; filename="x.wav";'),
    file('attachment; name="audio"; filename="x.wav"'),
    file('form-data;\r\n\tname="audio"; filename="x.wav"'),
    file('form-data; name="audio%5B%5D"; filename="x.wav"'),
    file('form-data; name="audio"', 'Content-Type: audio/wav'),
    file('form-data; name="audio"', 'Content-Type: application/octet-stream'),
    file('form-data; name="audio"; filename="x.wav"', 'Content-Transfer-Encoding: 8BIT'),
  ]
  for (const head of files) assert.deepEqual((await read(partOf(head, 'sound'))).voices, ['voice:sound'], head)
  const texts = [
    file('form-data; name="prompt";'),
    file('form-data; name=prompt'),
    file('form-data;name = "prompt" ; '),
    file('inline; name="prompt"', 'Content-Type: text/plain', 'Content-Transfer-Encoding: binary'),
    file('form-data; name="prompt"', 'Content-Type: nonsense'),
  ]
  for (const head of texts) assert.deepEqual([...(await read(partOf(head, 'p'))).texts], [['prompt', 'p']], head)
})

test('a part that cannot be taken is never dropped without a word', async () => {
  const cases: [head: string, type: string, message: RegExp][] = [
    ['Content-Type: text/plain', 'malformed_request', /a part of the form has no name/],
    ['Content-Disposition: form-data', 'malformed_request', /a part of the form has no name/],
    ['Content-Disposition: form-data; filename="x.wav"', 'malformed_request', /a part of the form has no name/],
    ['Content-Disposition: form-data; name=""', 'malformed_request', /a part of the form has no name/],
    [
      'Content-Disposition: form-data; name="audio"; filename="x"\r\nContent-Transfer-Encoding: base64',
      ...(['invalid_parameter', /the part "audio" is encoded as "base64"/] as const),
    ],
    [
      'Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: quoted-printable',
      ...(['invalid_parameter', /the part "prompt" is encoded as "quoted-printable"/] as const),
    ],
    [
      'Content-Disposition: form-data; name="audio"\r\nContent-Type: multipart/mixed; boundary=x',
      ...(['invalid_parameter', /the part "audio" is a form of its own; send each file as a part/] as const),
    ],
  ]
  for (const [head, type, message] of cases) {
    await assert.rejects(read(partOf(head, 'x')), (error: unknown) => {
      assert.ok(error instanceof Problem && error.type === type, String(error))
      assert.match(error.message, message)
      return true
    })
  }
})
