/** docs/inputs.md, held to what the API does: every row of its table has an example here, which is sent. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formLimits } from '../../../api/intake/form-parser.js'
import { transferEncodings } from '../../../api/intake/part-heads.js'
import { ignoredNames } from '../../../api/intake/part-names.js'
import { root } from '../../../infra/local/setup/root.mjs'
import { startTestApi } from '../../support/api/api-fixture.js'
import { picture, toneWav } from '../../support/api/api-media.js'
import { boundary } from '../../support/form-bodies.js'
import { rawRequest } from '../../support/raw-http.js'

const api = await startTestApi()
after(() => api[Symbol.asyncDispose]())

const page = readFileSync(join(root, 'docs/inputs.md'), 'utf8')
const [, form = ''] = page.split('\n## The form\n')
const rows = [...form.replace(/\n## [\s\S]*$/, '').matchAll(/^\| (?!what is sent|---)(.+?) \| (.+?) \|$/gm)].map(
  ([, sent = '', answer = '']) => ({ sent, answer }),
)

function rowOf(beginning: string) {
  const [row, ...more] = rows.filter(({ sent }) => sent.startsWith(beginning))
  assert.ok(row && more.length === 0, `one row begins with ${beginning}`)
  return row
}

type Part = [head: string, content: string | Buffer]
const [png, wav] = [await picture('png'), toneWav(1)]
const part = (more: string, content: string | Buffer = wav): Part => [
  `Content-Disposition: form-data; ${more}`,
  content,
]
const reference = part('name="input_reference"; filename="ref.png"', png)
const voice = part('name="audio"; filename="1.wav"')
const order = [reference, voice]
const gbk = Buffer.from('d2bbb8f6', 'hex')

type Example = { parts: Part[]; type?: string; change?: (body: string) => string }

/** By how a row begins. */
const examples: Record<string, Example[]> = {
  'voices as': [{ parts: [reference, part('name="audio[]"; filename="a"'), part('name="audio%5B%5D"; filename="b"')] }],
  'a file with a media type': [
    { parts: [reference, part('name="audio"\r\nContent-Type: audio/wav')] },
    { parts: [part('name="input_reference"\r\nContent-Type: application/octet-stream', png), voice] },
  ],
  'a file name with quotes': [
    { parts: [reference, part('name="audio"; filename="take "2".wav"')] },
    { parts: [reference, part('name="audio"; filename*=gb18030\'\'%C2%BC.wav')] },
    { parts: [reference, part('name="audio"; filename="C:\\sounds\\été.wav"')] },
  ],
  'a `;` at the end of a header': [
    { parts: [...order, part('name="steps";', '1')] },
    { parts: [...order, ['Content-Disposition: attachment;\r\n name="steps"', '1']] },
  ],
  'a file input of an HTML form': [
    { parts: [...order, part('name="audio"; filename=""\r\nContent-Type: application/octet-stream', '')] },
    { parts: [...order, part('name="audio"; filename="blob"\r\nContent-Type: application/octet-stream', '')] },
  ],
  'a file that has a name': [{ parts: [...order, part('name="audio"; filename="2.wav"', '')] }],
  'text that a browser sends as a Blob': [
    { parts: [...order, part('name="steps"; filename="blob"\r\nContent-Type: application/json', '1')] },
  ],
  'a boundary that is quoted': [
    { parts: order, type: `multipart/form-data; boundary="${boundary}";` },
    { parts: order, change: (body) => body.replaceAll(`--${boundary}\r\n`, `--${boundary} \t\r\n`) },
  ],
  'blanks and line ends': [{ parts: [...order, part('name="audio_type"', ' para\r')] }],
  'text in UTF-8': [
    { parts: [...order, part('name="prompt"', '一个')] },
    { parts: [...order, part('name="prompt"\r\nContent-Type: text/plain; charset=gbk', gbk)] },
    { parts: [...order, part('name="prompt"', gbk), part('name="_charset_"', 'gbk')] },
  ],
  'text that is not in its charset': [
    { parts: [...order, part('name="prompt"', gbk)] },
    { parts: [...order, part('name="prompt"\r\nContent-Type: text/plain; charset=none', 'a')] },
  ],
  'control characters': [
    { parts: [...order, part('name="prompt"', 'a\0b')] },
    { parts: [...order, part('name="prompt"', '\x1b[31m')] },
  ],
  'sizes as': ['832x480', '832*480', '832 X 480'].map((size) => ({ parts: [...order, part('name="size"', size)] })),
  'text where a file': [{ parts: [voice, part('name="input_reference"', 'data:image/png;base64,iVBORw0KGgo=')] }],
  'a file where text': [{ parts: [...order, part('name="prompt"; filename="a.wav"\r\nContent-Type: audio/wav')] }],
  'a parameter twice': [{ parts: [...order, part('name="steps"', '1'), part('name="steps"', '1')] }],
  'a part whose Content-Transfer-Encoding': [
    { parts: [reference, part('name="audio"; filename="a"\r\nContent-Transfer-Encoding: base64')] },
  ],
  'a part that is itself': [{ parts: [reference, part('name="audio"\r\nContent-Type: multipart/mixed; boundary=b')] }],
  'a name that is none': [{ parts: [...order, part('name="stepz"', '1')] }],
  '`user`': ignoredNames.map((name) => ({ parts: [...order, part(`name="${name}[key]"`, 'x')] })),
  'a part without a name': [{ parts: [...order, part('filename="a.wav"')] }],
  'lines that end': [
    { parts: order, change: (body) => body.replaceAll('\r\n', '\n') },
    { parts: order, type: 'multipart/form-data; boundary=other' },
    { parts: order, change: (body) => body.slice(0, -30) },
  ],
  JSON: [
    { parts: [], type: 'application/json' },
    { parts: [], type: 'application/x-www-form-urlencoded' },
  ],
  'text of more than': [
    { parts: [...order, part('name="prompt"', 'x'.repeat(formLimits.fieldSize + 1))] },
    { parts: Array.from({ length: formLimits.fields + 1 }, () => part('name="user"', 'x')) },
    { parts: Array.from({ length: formLimits.files + 1 }, () => part('name="user"; filename="x"', 'x')) },
  ],
}

async function answerTo({
  parts,
  type = `multipart/form-data; boundary=${boundary}`,
  change = (body) => body,
}: Example) {
  const pieces = parts.flatMap(([head, content]) => [`--${boundary}\r\n${head}\r\n\r\n`, content, '\r\n'])
  const whole = Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)))
  const body = Buffer.from(change(whole.toString('latin1')), 'latin1')
  const head = `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close`
  const { status, body: answer } = await rawRequest(api.url, { head, pieces: [body] })
  return status === 200 ? 'taken' : (JSON.parse(String(answer)) as { error: { type: string } }).error.type
}

test('every row of the table has an example, and every example its row', () => {
  const beginnings = Object.keys(examples)
  for (const beginning of beginnings) rowOf(beginning)
  assert.equal(rows.length, beginnings.length)
})

for (const [beginning, sent] of Object.entries(examples)) {
  test(`the page is right of: ${beginning} …`, async () => {
    const { answer } = rowOf(beginning)
    const expected = /^`(\w+)`/.exec(answer)?.[1] ?? 'taken'
    for (const example of sent) assert.equal(await answerTo(example), expected, JSON.stringify(example).slice(0, 200))
  })
}

test('the page lists the names, encodings and limits that decide', () => {
  const words = (beginning: string) => [...rowOf(beginning).sent.matchAll(/`([^`]+)`/g)].map(([, word]) => word)
  assert.deepEqual(words('`user`'), ignoredNames)
  assert.deepEqual(words('a part whose Content-Transfer-Encoding'), transferEncodings)
  const { fieldSize, parts, fields, files } = formLimits
  const numbers = rowOf('text of more than').sent.match(/\d+/g)
  assert.deepEqual(numbers, [fieldSize, parts, fields, files].map(String))
})
