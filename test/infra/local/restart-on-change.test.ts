import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { affectedParts } from '../../../infra/local/dev/affected-parts.js'
import { restartOnChange } from '../../../infra/local/dev/restart-on-change.js'
import { until } from '../../support/until.js'

test('a source file concerns the programs that run it', () => {
  const names = ['minio', 'temporal', 'videos', 'media', 'runner-1', 'node-1', 'runner-2', 'node-2', 'api']
  const programs = names.slice(2)
  for (const [path, parts] of [
    ['api/app.ts', ['api']],
    ['activities/media/prepare.ts', ['videos', 'media', 'node-1', 'node-2']],
    ['gaudi-runner/job/job.ts', ['runner-1', 'runner-2']],
    ['gaudi-runner/pipeline/render.py', ['runner-1', 'runner-2']],
    ['gaudi-runner/client/runner-client.ts', ['runner-1', 'node-1', 'runner-2', 'node-2']],
    ['gaudi-runner/generated/runner.ts', []],
    ['workflows/video/video-workflow.ts', programs],
    ['infra/s3/s3-client.ts', programs],
    ['infra/local/stack/stack.ts', 'stack'],
    ['api/README.md', []],
  ] as const) {
    assert.deepEqual(affectedParts(path, names), parts, path)
  }
})

test('a change is built, then the program is asked to end; a mistake leaves all as it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'text2video-watch-'))
  for (const source of ['api', 'activities', 'gaudi-runner', 'infra', 'workflows']) mkdirSync(join(folder, source))
  const [api, media, runner] = [sleeper(), sleeper(), sleeper()]
  const stop = new AbortController()
  let builds = 0
  let isWell = false
  const build = async () => {
    builds++
    return isWell
  }
  const pids = () => ({ api: api.pid ?? 0, media: media.pid ?? 0, runner: runner.pid ?? 0 })
  const watching = restartOnChange({ folder, pids, build, signal: stop.signal })
  try {
    await until('a build', () => {
      writeFileSync(join(folder, 'api/app.ts'), `a mistake ${Math.random()}`)
      return builds > 0
    })
    assert.equal(api.signalCode, null)
    isWell = true
    const ended = [api, runner].map((each) => once(each, 'exit'))
    // The mistake is mended elsewhere: what was changed before takes effect all the same.
    writeFileSync(join(folder, 'gaudi-runner/job.ts'), 'right')
    assert.deepEqual(await Promise.all(ended), [
      [null, 'SIGTERM'],
      [null, 'SIGTERM'],
    ])
    assert.equal(media.signalCode, null)
  } finally {
    stop.abort()
    await watching
    for (const each of [api, media, runner]) each.kill()
    rmSync(folder, { recursive: true })
  }
})

function sleeper(): ChildProcess {
  return spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
}
