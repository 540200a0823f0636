import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../../infra/local/setup/root.mjs'
import { picture, toneWav } from '../support/api/api-media.js'
import { inspectFile } from '../support/api/finished-file.js'
import { testStack } from '../support/test-stack.js'

// What the README shows, word for word but for the port, from a folder in which its examples are: of those that are rendered
// here the picture and the voice are short ones, for 30 frames tell as much of a program as the 140 of the examples.
const { apiUrl, pythonPath } = testStack()
const readme = readFileSync(join(root, 'README.md'), 'utf8').replaceAll('http://127.0.0.1:9389', apiUrl)

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, block = '']) => block,
  )
}

/** The one block of this language that goes all the way to a file. */
function program(language: string): string {
  const [found, ...more] = blocks(language).filter((block) => block.includes('/content') && !block.includes('VIDEO_ID'))
  assert.ok(found !== undefined && more.length === 0, `the README shows no one program in ${language}`)
  return found
}

const reference = await picture('png', 256, 256)
const voice = toneWav(1.25)

function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'readme-'))
  after(() => rmSync(folder, { recursive: true }))
  const single = join(folder, 'examples/single')
  mkdirSync(single, { recursive: true })
  writeFileSync(join(single, 'ref_image.png'), reference)
  writeFileSync(join(single, '1.wav'), voice)
  for (const path of ['single/ref_video.mp4', 'multi']) {
    symlinkSync(join(root, 'examples', path), join(folder, 'examples', path))
  }
  return folder
}

async function run(cwd: string, command: string, args: string[]): Promise<string> {
  const env = { ...process.env, no_proxy: '127.0.0.1' }
  return (await promisify(execFile)(command, args, { cwd, env, timeout: 10 * 60_000 })).stdout
}

const languages = [
  { language: 'bash', command: '/bin/sh', file: 'order.sh' },
  { language: 'python', command: pythonPath, file: 'order.py' },
  { language: 'js', command: process.execPath, file: 'order.mjs' },
]

for (const { language, command, file } of languages) {
  test(`the README's program in ${language} orders a video, follows it and writes its file`, async () => {
    const folder = workFolder()
    writeFileSync(join(folder, file), program(language))
    const said = await run(folder, command, [file])
    assert.match(said, /queued|processing/)
    const { videoCodec, audioCodec, frames } = inspectFile(join(folder, 'video.mp4'))
    assert.deepEqual([videoCodec, audioCodec], ['h264', 'aac'])
    assert.ok(frames > 24)
  })

  test(`the README's program in ${language} fails where the order is refused`, async () => {
    const folder = workFolder()
    writeFileSync(join(folder, file), program(language).replace('ref_image.png', '1.wav'))
    await assert.rejects(run(folder, command, [file]), ({ code, stdout, stderr }) => {
      assert.notEqual(code, 0)
      assert.match(`${stdout}${stderr}`, /input_reference/)
      return true
    })
  })
}

test('every order that the README shows with curl is accepted', async () => {
  const folder = workFolder()
  const orders = blocks('bash')
    .flatMap((block) => block.replaceAll('\\\n', '').split('\n'))
    .filter((line) => line.startsWith('curl ') && line.includes(' -F '))
  assert.equal(orders.length, 4)
  for (const order of orders) {
    const answer = await run(folder, '/bin/sh', ['-c', order])
    const { id, object } = JSON.parse(answer) as { id: string; object: string }
    assert.equal(object, 'video', answer)
    await fetch(`${apiUrl}/v1/videos/${id}/cancel`, { method: 'POST' })
  }
})
