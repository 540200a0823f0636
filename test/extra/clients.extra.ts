import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { onPath } from '../../infra/local/setup/parts.mjs'
import { root } from '../../infra/local/setup/root.mjs'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order } from '../../workflows/order.js'
import { nodeModulesOf, output, pythonWith, requirementsIn } from '../support/client-tools.js'
import { inspectFile } from '../support/api/finished-file.js'
import { testStack } from '../support/test-stack.js'

// The programs of examples/clients, each with the client that its generator makes of this service's own document.
const { apiUrl, s3, examplesDir } = testStack()
const document = `${apiUrl}/openapi.json`
const programs = join(root, 'examples/clients')
const single = [join(examplesDir, 'single/ref_image.png'), join(examplesDir, 'single/1.wav')] as const
const multi = ['ref_img.png', '1-man.WAV', '1-woman.WAV'].map((name) => join(examplesDir, 'multi', name))

/** A folder for one test, with a copy of its program. */
function workFolder(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'clients-'))
  after(() => rmSync(folder, { recursive: true }))
  cpSync(join(programs, program), folder, { recursive: true })
  return folder
}

/** The video is there, and was rendered with the preset's steps: the client sent no default of its own. */
async function assertIsTurbo(id: string, path: string, voices: number): Promise<void> {
  assert.ok(inspectFile(path).frames > 24)
  await using store = await connectObjectStore(s3)
  const order = JSON.parse(String(await store.read(objectKeys.order(id)))) as Order
  assert.deepEqual([order.parameters.preset, order.parameters.steps], ['turbo', 4])
  assert.equal(order.voices.length, voices)
}

test('a client of openapi-python-client orders and downloads a video of two voices', async () => {
  const cwd = workFolder('openapi-python-client')
  const bin = await pythonWith(requirementsIn(join(cwd, 'requirements.txt')))
  const options = ['--config', 'config.yml', '--meta', 'none', '--output-path', 'text2video_client']
  await output(join(bin, 'openapi-python-client'), ['generate', '--url', document, ...options], {
    cwd,
    env: { PATH: `${bin}:${process.env['PATH']}` }, // it calls ruff
  })
  const id = await output(join(bin, 'python'), ['order.py', apiUrl, 'video.mp4', ...multi], { cwd })
  await assertIsTurbo(id, join(cwd, 'video.mp4'), 2)
})

const noJava = onPath('java') === undefined && 'there is no Java: apt-get install default-jre-headless'

test('a Python client of openapi-generator orders and downloads a video of two voices', { skip: noJava }, async () => {
  const cwd = workFolder('openapi-generator')
  const bin = await pythonWith(requirementsIn(join(cwd, 'requirements.txt')))
  const options = ['-g', 'python', '--additional-properties=packageName=text2video_client', '-o', 'client']
  await output(join(bin, 'openapi-generator-cli'), ['generate', '-i', document, ...options], { cwd })
  const env = { PYTHONPATH: 'client' }
  const id = await output(join(bin, 'python'), ['order.py', apiUrl, 'video.mp4', ...multi], { cwd, env })
  await assertIsTurbo(id, join(cwd, 'video.mp4'), 2)
})

test('a client of openapi-typescript passes tsc, orders and downloads a video', async () => {
  const cwd = workFolder('openapi-fetch')
  const modules = await nodeModulesOf(join(cwd, 'package.json'))
  symlinkSync(modules, join(cwd, 'node_modules'))
  await output(process.execPath, ['generate.mjs', document], { cwd })
  const strict = ['--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022']
  await output(process.execPath, [join(modules, 'typescript/bin/tsc'), ...strict, 'order.ts'], { cwd })
  const id = await output(process.execPath, ['order.js', apiUrl, 'video.mp4', ...single], { cwd })
  await assertIsTurbo(id, join(cwd, 'video.mp4'), 1)
})

/** Sends a voice as the SDK cannot, then runs what the refusal says, word for word; prints the id of the video. */
const asRefused = `
import re, sys
import openai

client = openai.OpenAI(api_key="none", base_url=sys.argv[1] + "/v1")
try:
    client.videos.create(prompt="A person speaks", extra_body={"audio": open("VOICE", "rb")})
except openai.BadRequestError as refusal:
    print(eval(re.search(r"client\\.post\\(.*$", refusal.body["message"])[0])["id"])
`

for (const version of ['2.54.0', '3.57.0']) {
  test(`the line that a refusal names for openai-python ${version} orders a video`, async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'clients-'))
    after(() => rmSync(cwd, { recursive: true }))
    copyFileSync(single[0], join(cwd, 'PICTURE'))
    copyFileSync(single[1], join(cwd, 'VOICE'))
    const bin = await pythonWith([`openai==${version}`])
    const id = await output(join(bin, 'python'), ['-c', asRefused, apiUrl], { cwd })
    const video = `${apiUrl}/v1/videos/${id}`
    const { prompt } = (await (await fetch(video)).json()) as { prompt: string }
    assert.equal(prompt, 'A person speaks')
    await fetch(`${video}/cancel`, { method: 'POST' })
    await fetch(video, { method: 'DELETE' })
  })
}
