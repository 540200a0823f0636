import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { strToU8, zipSync } from 'fflate'
import { goStep } from '../../../infra/local/setup/minio.mjs'
import { versions } from '../../../infra/local/setup/parts.mjs'
import { findUv, installTorch, systemPython } from '../../../infra/local/setup/python-parts.mjs'

test('while MinIO is built, the line says what is downloaded and then what is compiled', () => {
  const step = goStep()
  const said = [
    'go: downloading github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c',
    'internal/goarch',
    'github.com/minio/minio/cmd',
  ].map(step)
  assert.deepEqual(said, [
    'downloading github.com/minio/minio',
    'compiling, 1 packages so far: internal/goarch',
    'compiling, 2 packages so far: github.com/minio/minio/cmd',
  ])
})

test('torch comes from the index of TORCH_INDEX_URL, and from nowhere else when it has none', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'text2video-torch-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const wheel = `torch-${versions.torch}+cpu-py3-none-any.whl`
  const index = createServer((req, res) => {
    if (req.url === '/simple/torch/') res.setHeader('content-type', 'text/html').end(`<a href="/${wheel}">${wheel}</a>`)
    else if (decodeURIComponent(req.url ?? '') === `/${wheel}`) res.end(smallTorch(`${versions.torch}+cpu`))
    else res.writeHead(404).end()
  })
  index.listen(0, '127.0.0.1')
  await once(index, 'listening')
  context.after(() => index.close())
  const address = `127.0.0.1:${(index.address() as AddressInfo).port}`
  execFileSync(findUv() ?? 'uv', ['venv', '--python', systemPython, '-q', folder])

  await installTorch(folder, () => {}, { TORCH_INDEX_URL: `http://${address}/simple` })
  const version = execFileSync(join(folder, 'bin/python'), ['-c', 'import torch; print(torch.__version__)'])
  assert.equal(String(version).trim(), `${versions.torch}+cpu`)

  execFileSync(findUv() ?? 'uv', ['venv', '--python', systemPython, '-q', '--clear', folder])
  const wrong = { TORCH_INDEX_URL: `http://user:hidden@127.0.0.1:1/simple` }
  await assert.rejects(
    installTorch(folder, () => {}, wrong),
    ({ message }: Error) => /^TORCH_INDEX_URL names /.test(message) && !message.includes('hidden'),
  )
})

/** A wheel that says it is torch, and is not. */
function smallTorch(version: string): Uint8Array {
  const info = `torch-${version}.dist-info`
  const files = {
    'torch/__init__.py': `__version__ = '${version}'`,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: torch\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  }
  return zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])))
}
