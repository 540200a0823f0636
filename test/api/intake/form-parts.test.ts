import assert from 'node:assert/strict'
import test from 'node:test'
import { readForm } from '../../../api/intake/form.js'
import { usualPatience } from '../../../api/intake/pour-body.js'
import { Problem } from '../../../api/http/problems.js'
import { boundary, collect, formOf, partOf, read, requestOf, voice } from '../../support/form-bodies.js'

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

test('a file input that was left empty counts as not given, wherever it stands and however it is sent', async () => {
  const empty = [
    'Content-Disposition: form-data; name="audio[]"; filename=""\r\nContent-Type: application/octet-stream',
    'Content-Disposition: form-data; name="audio"; filename=""',
    'Content-Disposition: form-data; name="audio"\r\nContent-Type: application/octet-stream',
    'Content-Disposition: form-data; name="audio"; filename="blob"\r\nContent-Type: application/octet-stream',
    'Content-Disposition: form-data; name="audio"',
    'Content-Disposition: form-data; name="input_reference"; filename=""\r\nContent-Type: image/png',
  ]
  const one = formOf([voice('audio', 'one')]).subarray(0, -`--${boundary}--\r\n`.length)
  const two = formOf([voice('audio', 'two')])
  for (const head of empty) {
    const nothing = Buffer.from(`--${boundary}\r\n${head}\r\n\r\n\r\n`)
    for (const pieceBytes of [1, 1000]) {
      const form = await read(Buffer.concat([nothing, one, nothing, nothing, two]), pieceBytes)
      assert.deepEqual([form.voices, form.reference], [['voice:one', 'voice:two'], undefined], head)
    }
  }
})

test('a file with a name of its own and no bytes is stored, which refuses it', async () => {
  const head = 'Content-Disposition: form-data; name="audio"; filename="take 2.wav"\r\nContent-Type: audio/wav'
  assert.deepEqual((await read(partOf(head, ''))).voices, ['voice:'])
})

test('text that a browser sends as a Blob is text', async () => {
  for (const type of ['text/plain', 'application/json', 'application/octet-stream', 'text/plain; charset=gbk']) {
    const head = `Content-Disposition: form-data; name="prompt"; filename="blob"\r\nContent-Type: ${type}`
    assert.deepEqual([...(await read(partOf(head, 'p'))).texts], [['prompt', 'p']], type)
  }
})

test('a field _charset_ names the charset of the text that names none, before and behind it', async () => {
  const field = (name: string, bytes: string, type = '') =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${type}\r\n\r\n`),
      Buffer.from(bytes, 'hex'),
      Buffer.from('\r\n'),
    ])
  const charset = (name: string) => field('_charset_', Buffer.from(name).toString('hex'))
  const end = Buffer.from(`--${boundary}--\r\n`)
  const gbk = field('prompt', 'd2bbb8f6')
  const utf8 = field('negative_prompt', 'e4b880', '\r\nContent-Type: text/plain; charset=utf-8')
  for (const parts of [
    [charset('GBK\r\n'), gbk, utf8],
    [gbk, utf8, charset('gbk')],
  ]) {
    const { texts } = await read(Buffer.concat([...parts, end]))
    assert.deepEqual(Object.fromEntries(texts), { prompt: '一个', negative_prompt: '一' })
  }
  const plain = await read(Buffer.concat([charset('UTF-8'), field('prompt', 'e4b880'), end]))
  assert.deepEqual([...plain.texts], [['prompt', '一']])
  await assert.rejects(read(Buffer.concat([charset('x-none'), gbk, end])), /charset=x-none, which is not known/)
})

test('a boundary is taken however its header writes it, and with blanks behind it', async () => {
  const own = "a b:(c)/d=?'e"
  const types: [type: string, boundary: string][] = [
    ['multipart/form-data; boundary=cut-here;', 'cut-here'],
    ['multipart/form-data; charset=utf-8; boundary=cut-here', 'cut-here'],
    ['Multipart/Form-Data;BOUNDARY="cut-here" ; ', 'cut-here'],
    ['multipart/form-data; boundary = cut-here', 'cut-here'],
    [`multipart/form-data; boundary="${own}"`, own],
    ['multipart/form-data; boundary=a/b=c', 'a/b=c'],
    ['multipart/form-data; boundary="a\\"b"', 'a"b'],
  ]
  for (const [type, used] of types) {
    for (const padding of ['', ' ', ' \t  ']) {
      for (const pieceBytes of [1, 7, 1000]) {
        const text = formOf([{ name: 'prompt', body: 'p' }, voice('audio', 'one')]).toString('latin1')
        const body = Buffer.from(
          text.replaceAll(`--${boundary}`, () => `--${used}${padding}`),
          'latin1',
        )
        const { signal } = new AbortController()
        const options = { storeFile: collect, patience: usualPatience, signal }
        const form = await readForm(requestOf(body, pieceBytes, type), options)
        assert.deepEqual([[...form.texts], form.voices], [[['prompt', 'p']], ['voice:one']], type)
      }
    }
  }
})

test('a body whose boundaries are wrong is refused with the reason', async () => {
  const good = formOf([{ name: 'prompt', body: 'p' }, voice('audio', 'one')]).toString()
  const cases: [body: string, message: RegExp][] = [
    [good.replaceAll('\r\n', '\n'), /its lines must end with CR LF/],
    [good.replaceAll('cut-here', 'another'), /the boundary that its Content-Type names is not in it/],
    [good.replace('--cut-here\r\n', '--cut-hereafter\r\n'), /something else than a part follows a boundary/],
    [good.replace('--cut-here\r\n', '--cut-here\rx'), /something else than a part follows a boundary/],
    [good.slice(0, -20), /it is broken or cut off/],
  ]
  for (const [body, message] of cases) {
    for (const pieceBytes of [1, 1000]) await assert.rejects(read(Buffer.from(body), pieceBytes), message)
  }
  const { signal } = new AbortController()
  for (const type of [
    'multipart/form-data',
    'multipart/form-data boundary=cut-here',
    'multipart/form-data; boundary=',
  ]) {
    const reading = readForm(requestOf(Buffer.from(good), 99, type), {
      storeFile: collect,
      patience: usualPatience,
      signal,
    })
    await assert.rejects(reading, /its Content-Type names no boundary; leave that header to the HTTP client/)
  }
})
