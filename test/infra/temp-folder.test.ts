import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { removeLeftFolders, tempFolder } from '../../infra/files/temp-folder.js'

test('folders of a killed process are removed by the next one, those of a living one are not', async () => {
  const module = new URL('../../infra/files/temp-folder.js', import.meta.url).href
  const script = `
    const { tempFolder } = await import(${JSON.stringify(module)})
    console.log(tempFolder('test').path)
    setInterval(() => {}, 1000)`
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(other.stdout, 'data')) as [Buffer]
  const path = line.toString().trim()
  await removeLeftFolders('test')
  assert.ok(existsSync(path))
  other.kill('SIGKILL')
  await once(other, 'exit')
  await removeLeftFolders('test')
  assert.ok(!existsSync(path))
})

test('a folder is gone once it is let go', async () => {
  let path: string
  {
    await using folder = tempFolder('test')
    path = folder.path
    assert.ok(existsSync(path))
  }
  assert.ok(!existsSync(path))
})
