import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { promisify } from 'node:util'
import { root } from '../../infra/local/setup/root.mjs'
import { startStack } from '../../infra/local/stack/stack.js'
import { freePorts } from '../../infra/local/stack/stack-settings.js'
import { showNothing } from '../../infra/local/supervisor/terminal.js'
import { picture, toneWav } from '../support/api/api-media.js'
import { completed, submit } from '../bench/client.js'
import { inspectFile } from '../support/api/finished-file.js'
import { inFolder, runnerMain } from '../support/runner/runner-process.js'
import { testStack } from '../support/test-stack.js'

// The shared stack renders with the demo, and its nodes take whatever is in the queue: the model needs a stack of its own.

test('InfiniteTalk renders on two ranks, from POST to MP4, from weights in the original folders', async (context) =>
  inFolder(async (dir) => {
    const model = join(dir, 'model')
    const python = process.env.PYTHON_PATH ?? testStack().pythonPath
    await promisify(execFile)(python, ['-m', 'tools.tiny_checkpoint', model], {
      cwd: join(root, 'gaudi-runner'),
    })
    const chosen = { ENGINE: 'infinitetalk', MODEL_DIR: model, DEVICE: 'cpu', RANKS: '2', NODES: '1' }
    const env = { ...process.env, ...freePorts, DATA_DIR: join(dir, 'data'), ...chosen }
    await using stack = await startStack({ env, show: showNothing, signal: context.signal })

    // The shortest voice there is, 9 frames: on a CPU the VAE takes most of the time, even at a 24th of its width.
    const reference = { name: 'ref.png', bytes: Uint8Array.from(await picture('png', 256, 256)) }
    const voice = { name: '1.wav', bytes: Uint8Array.from(toneWav(0.4)) }
    const id = await submit(stack.apiUrl, reference, voice, { steps: '1', size: '480p', prompt: 'a person talks' })
    const shown = async () => {
      const answer = await fetch(`${stack.apiUrl}/v1/videos/${id}`)
      const { model: name, size } = (await answer.json()) as { model: string; size: string }
      return [name, size]
    }
    assert.deepEqual(await shown(), ['InfiniteTalk', '640x640'], 'before a node has taken it')
    await completed(stack.apiUrl, id, 250)
    assert.deepEqual(await shown(), ['InfiniteTalk', '640x640'])
    const content = await fetch(`${stack.apiUrl}/v1/videos/${id}/content`)
    await writeFile(join(dir, 'video.mp4'), Buffer.from(await content.arrayBuffer()))
    const { videoCodec, width, height, fps, frames, audioCodec } = inspectFile(join(dir, 'video.mp4'))
    assert.deepEqual([videoCodec, width, height, fps, frames, audioCodec], ['h264', 640, 640, 24, 9, 'aac'])
  }))

test('a folder of weights that is not there stops the runner at once, by its name', async () => {
  const env = { ...process.env, ENGINE: 'infinitetalk', MODEL_DIR: '/no/such/weights', RUNNER_PORT: '0' }
  const runner = spawn(process.execPath, [runnerMain], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const [said, [code]] = await Promise.all([text(runner.stdout), once(runner, 'exit')])
  assert.equal(code, 2)
  assert.match(said, /MODEL_DIR=\/no\/such\/weights: there is no such folder/)
})
