import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataFolder, DataInUse } from '../infra/stack/data-folder.js'
import { diesWithParent } from '../infra/stack/dies-with-parent.js'
import { readableLine, readLogLine } from '../infra/stack/log-line.js'
import type { Part, Stage } from '../infra/stack/part.js'
import { PortsTaken, takePorts } from '../infra/stack/ports.js'
import { readStackSettings } from '../infra/stack/stack-settings.js'
import { PartFailed } from '../infra/stack/supervised-part.js'
import { Supervisor } from '../infra/stack/supervisor.js'
import { readLogs } from './log-files.js'

const readyLine = `console.log(JSON.stringify({ level: 'info', msg: 'up', event: 'ready' }))`

/** A part that is a few lines of Node. */
function part(name: string, script: string, stage: Stage = 'workers'): Part {
  return {
    name,
    stage,
    command: process.execPath,
    args: ['-e', script],
    env: process.env,
    readiness: { kind: 'event' },
    readyMs: 20_000,
    graceMs: 5_000,
  }
}

/** A supervisor that keeps what it would show. */
function supervisor(context: TestContext) {
  const shown: string[] = []
  const show = (name: string, line: string) => shown.push(`${name} ${line}`)
  return { shown, supervisor: new Supervisor({ logDir: folder(context), show }) }
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'text2video-stack-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 50) {
    assert.ok(waited < 20_000, `still not: ${what}`)
    await sleep(50)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a part that dies is started again, and the reason is shown', async (context) => {
  const { shown, supervisor: parts } = supervisor(context)
  await using _parts = parts
  await parts.start(part('fragile', `${readyLine}; setInterval(() => {}, 1000)`))
  const first = parts.pids.fragile ?? 0
  process.kill(first, 'SIGKILL')
  await until('ready again', () => shown.includes('fragile ready again'))
  assert.notEqual(parts.pids.fragile, first)
  assert.match(shown.join('\n'), /fragile killed by SIGKILL; starting it again in 0\.5 s/)
})

test('the log of a part is JSON, whatever the part writes', async (context) => {
  const logDir = folder(context)
  const parts = new Supervisor({ logDir, show() {} })
  {
    await using _parts = parts
    await parts.start(part('wordy', `console.log('plain "words"'); ${readyLine}; setInterval(() => {}, 1000)`))
  }
  const lines = readLogs(logDir).get('wordy.log') ?? []
  assert.deepEqual(
    lines.map(({ program, event, msg }) => [program, event, msg]),
    [
      ['stack', 'starting', 'starting wordy'],
      ['wordy', undefined, 'plain "words"'],
      [undefined, 'ready', 'up'],
    ],
  )
})

test('a part that never comes up fails the start with its own last words', async (context) => {
  const { supervisor: parts } = supervisor(context)
  await using _parts = parts
  const hopeless = part('hopeless', `throw new Error('there is no such database')`)
  await assert.rejects(parts.start(hopeless), (error) => {
    assert.ok(error instanceof PartFailed)
    assert.match(
      error.message,
      /hopeless does not start: ended with code 1.*there is no such database[\s\S]*hopeless\.log/,
    )
    return true
  })
})

test('a part that refuses to start is not tried again: a person must change something first', async (context) => {
  const { shown, supervisor: parts } = supervisor(context)
  await using _parts = parts
  const refused = `console.log(JSON.stringify({ level: 'error', msg: 'no weights', event: 'refused' })); setInterval(() => {}, 1000)`
  await assert.rejects(parts.start(part('runner', refused)), /runner does not start: refuses to start.*no weights/)
  assert.deepEqual(shown, ['runner error: no weights'])
})

test('parts stop stage by stage, the API first and the stores last', async (context) => {
  const dir = folder(context)
  const log = join(dir, 'order')
  const leaves = (name: string) =>
    `${readyLine}; setInterval(() => {}, 1000)
     process.on('SIGTERM', () => setTimeout(() => { require('fs').appendFileSync(${JSON.stringify(log)}, '${name} '); process.exit() }, 50))`
  {
    const { supervisor: parts } = supervisor(context)
    await using _parts = parts
    for (const stage of ['api', 'stores', 'workers', 'runners'] as const)
      await parts.start(part(stage, leaves(stage), stage))
  }
  assert.equal(readFileSync(log, 'utf8').trim(), 'api workers runners stores')
})

test('a part that ignores SIGTERM is killed after its grace', async (context) => {
  const { supervisor: parts } = supervisor(context)
  const stubborn = part('stubborn', `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); ${readyLine}`)
  await parts.start({ ...stubborn, graceMs: 200 })
  const pid = parts.pids.stubborn ?? 0
  await parts[Symbol.asyncDispose]()
  assert.ok(!isAlive(pid))
})

test('kill -9 of the supervisor leaves no part behind', async (context) => {
  const modules = join(import.meta.dirname, '../infra/stack')
  const script = `
    const { Supervisor } = await import(${JSON.stringify(join(modules, 'supervisor.js'))})
    const parts = new Supervisor({ logDir: ${JSON.stringify(folder(context))}, show() {} })
    const script = ${JSON.stringify(`process.on('SIGTERM', () => {}); ${readyLine}; setInterval(() => {}, 1000)`)}
    const common = { stage: 'workers', command: process.execPath, args: ['-e', script], env: process.env, readiness: { kind: 'event' }, readyMs: 20000, graceMs: 1000 }
    await Promise.all(['one', 'two'].map((name) => parts.start({ ...common, name })))
    console.log(JSON.stringify(parts.pids))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pids = Object.values(JSON.parse(line.toString()) as Record<string, number>)
  assert.equal(pids.length, 2)
  child.kill('SIGKILL')
  await until('both parts are gone', () => !pids.some(isAlive))
})

test('where there is no setpriv, the watcher ends the command when its parent is gone', async () => {
  const [command, args] = diesWithParent(
    process.execPath,
    ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'],
    '',
  )
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pid = Number(line)
  assert.notEqual(pid, child.pid)
  child.stdin.end() // as the kernel does when the supervisor dies
  await until('the command is gone', () => !isAlive(pid))
})

test('a port in use is named with its part and its variable, all of them at once', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  try {
    const taken = takePorts({
      api: { part: 'the API', variable: 'API_PORT', port },
      s3: { part: 'MinIO', variable: 'S3_PORT', port },
      free: { part: 'Temporal', variable: 'TEMPORAL_PORT', port: 0 },
    })
    await assert.rejects(taken, (error) => {
      assert.ok(error instanceof PortsTaken)
      assert.match(error.message, new RegExp(`port ${port} for the API is in use.*API_PORT`))
      assert.match(error.message, new RegExp(`port ${port} for MinIO is in use.*S3_PORT`))
      assert.doesNotMatch(error.message, /Temporal/)
      return true
    })
  } finally {
    other.close()
  }
})

test('free ports are all different', async () => {
  const wish = { part: 'a part', variable: 'A_PORT', port: 0 }
  const ports = await takePorts({ a: wish, b: wish, c: wish })
  assert.equal(new Set(Object.values(ports)).size, 3)
})

test('the credentials of MinIO are made once, and only the owner reads them', (context) => {
  const path = folder(context)
  using first = new DataFolder(path)
  const secrets = first.secrets()
  assert.equal(statSync(join(path, 'secrets.json')).mode & 0o777, 0o600)
  assert.notEqual(secrets.S3_ACCESS_KEY, 'minioadmin')
  assert.deepEqual(first.secrets(), secrets)
})

test('a second stack on the same data is refused, a dead one does not count', async (context) => {
  const path = folder(context)
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  using _mine = new DataFolder(path)
  const { writeFileSync } = await import('node:fs')
  writeFileSync(join(path, 'stack.pid'), String(holder.pid))
  assert.throws(() => new DataFolder(path), DataInUse)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  assert.doesNotThrow(() => new DataFolder(path))
})

test('a part is elsewhere as soon as its variable points there', () => {
  const { outside } = readStackSettings({ TEMPORAL_ADDRESS: 'temporal.lan:7233', RUNNER_ADDRESS: '' })
  assert.deepEqual(outside, { temporalAddress: 'temporal.lan:7233' })
  assert.throws(() => readStackSettings({ S3_ENDPOINT: 'http://s3.lan:9000' }), /S3_ACCESS_KEY/)
})

test('the terminal shows what concerns a video, and every warning', () => {
  const shown = (fields: object) => {
    const line = readLogLine(JSON.stringify({ level: 'info', msg: 'said', ...fields }))
    return line && readableLine(line)
  }
  assert.equal(shown({}), undefined)
  assert.equal(shown({ video: 'video_1' }), 'said (video_1)')
  assert.equal(shown({ video: 'video_1', level: 'debug' }), undefined)
  assert.equal(shown({ video: 'video_1', event: 'request' }), undefined)
  assert.equal(shown({ level: 'error', err: { message: 'disk full' }, part: 3 }), 'error: said — disk full part=3')
  assert.equal(readLogLine('INFO: Formatting 1st pool'), undefined)
})
