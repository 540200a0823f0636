import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { workflowCode } from '../../activities/worker/workflow-code.js'

const folder = fileURLToPath(new URL('../../../test/workflows/histories/', import.meta.url))

// Recorded by record-histories.ts: videos of then must go on with the workflow of now.
test('every recorded life of a video replays with the workflow as it is', async (t) => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}), shutdownSignals: [] })
  const names = await readdir(folder)
  assert.ok(names.length >= 15)
  for (const name of names) {
    await t.test(name, async () => {
      const history: unknown = JSON.parse(await readFile(`${folder}${name}`, 'utf8'))
      await Worker.runReplayHistory(workflowCode(), history, name)
    })
  }
})
