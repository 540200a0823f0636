import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { isAlive } from '../../../infra/program/is-alive.js'
import { BadSettings } from '../../../infra/program/settings.js'
import { diesWithParent } from '../../../infra/local/supervisor/dies-with-parent.js'
import { findSetpriv } from '../../../infra/local/setup/setpriv.mjs'
import { readableLine, readLogLine } from '../../../infra/local/supervisor/log-line.js'
import type { StackPart, Stage } from '../../../infra/local/supervisor/part.js'
import { metricsWishes, movedMetrics } from '../../../infra/local/stack/metrics-ports.js'
import { PortsTaken, takePorts } from '../../../infra/local/stack/ports.js'
import { readStackSettings } from '../../../infra/local/stack/stack-settings.js'
import { PartFailed, PartRefused } from '../../../infra/local/supervisor/supervised-part.js'
import { Supervisor } from '../../../infra/local/supervisor/supervisor.js'
import { readLogs } from '../../support/log-files.js'
import { until } from '../../support/until.js'

const readyLine = `console.log(JSON.stringify({ level: 'info', msg: 'up', event: 'ready' }))`

/** A part that is a few lines of Node. */
function part(name: string, script: string, stage: Stage = 'workers'): StackPart {
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

test('a part that refuses to start is not tried again, and all that it says is told', async (context) => {
  const { shown, supervisor: parts } = supervisor(context)
  await using _parts = parts
  const missing = Array.from({ length: 40 }, (_, index) => `weights-${index}.safetensors is missing`).join('\n')
  const line = JSON.stringify({ level: 'error', msg: missing, event: 'refused' })
  const refused = `console.log(${JSON.stringify(line)}); setInterval(() => {}, 1000)`
  await assert.rejects(parts.start(part('runner', refused)), (error) => {
    assert.ok(error instanceof PartRefused)
    assert.ok(error.message.startsWith(`runner refuses to start:\n${missing}\nIts log: `), error.message)
    return true
  })
  assert.deepEqual(shown, [], 'it is told once')
})

test('a part whose settings are wrong is not tried again, and all of them are told', async (context) => {
  const { supervisor: parts } = supervisor(context)
  await using _parts = parts
  const wrong = `console.error('settings are wrong:\\n  A=1: too small\\n  B=2: too large'); process.exit(2)`
  await assert.rejects(parts.start(part('api', wrong)), /api refuses to start:\nsettings are wrong:\nA=1: .*\nB=2: .*/)
})

test('of a part that dies, its own last word is told before what only looks like one', async (context) => {
  const { supervisor: parts } = supervisor(context)
  await using _parts = parts
  const line = JSON.stringify({ level: 'fatal', msg: 'TEMPORAL_ADDRESS=x:1: cannot be reached', event: 'failed' })
  const dies = `console.log('an error of long ago'); console.log(${JSON.stringify(line)}); process.exit(1)`
  await assert.rejects(parts.start(part('api', dies)), /It said: TEMPORAL_ADDRESS=x:1/)
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
  const modules = join(import.meta.dirname, '../../../infra/local/supervisor')
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

test('a command of set-up ends when set-up is killed', { skip: findSetpriv() === undefined }, async () => {
  const command = join(import.meta.dirname, '../../../infra/local/setup/command.mjs')
  const told = `console.log(process.pid); setInterval(() => {}, 1000)`
  const script = `
    const { runCommand } = await import(${JSON.stringify(command)})
    await runCommand(process.execPath, ['-e', ${JSON.stringify(told)}], { say: (line) => console.log(line) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGTERM')
  await until('the command is gone', () => !isAlive(Number(line)))
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
      if (process.platform === 'linux') assert.match(error.message, new RegExp(`pid ${process.pid}: node `))
      assert.doesNotMatch(error.message, /Temporal/)
      return true
    })
  } finally {
    other.close()
  }
})

test('a port that gives way is a free one when it is taken, by another program or by another part', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  try {
    const wish = { part: 'metrics', variable: 'METRICS_PORT', givesWay: true }
    const free = await takePorts({ a: { part: 'the API', variable: 'API_PORT', port: 0 } })
    const api = { part: 'the API', variable: 'API_PORT', port: free.a }
    const ports = await takePorts({ api, taken: { ...wish, port }, asApi: { ...wish, port: free.a } })
    assert.equal(ports.api, free.a)
    assert.equal(new Set([port, ...Object.values(ports)]).size, 4)
  } finally {
    other.close()
  }
})

test('metrics have the ports from METRICS_PORT on, by program, and each that moved is told', () => {
  const settings = { METRICS_PORT: 9464, NODES: 2, outside: {} }
  const ports = Object.fromEntries(Object.entries(metricsWishes(settings)).map(([name, { port }]) => [name, port]))
  const ofNodes = { 'runner-1': 9467, 'node-1': 9468, 'runner-2': 9469, 'node-2': 9470 }
  assert.deepEqual(ports, { api: 9464, videos: 9465, media: 9466, ...ofNodes })
  const [moved, ...others] = movedMetrics(settings, { metrics: { ...ports, media: 40_001 } })
  assert.match(moved ?? '', /port 9466 for the metrics of media is in use by another program: 40001 it is/)
  assert.deepEqual(others, [])

  const elsewhere = metricsWishes({ ...settings, outside: { runnerAddress: 'gaudi-1:50051' } })
  assert.deepEqual([elsewhere['runner'], elsewhere['node']?.port], [undefined, 9468])
  const any = metricsWishes({ ...settings, METRICS_PORT: 0 })
  assert.ok(Object.values(any).every(({ port }) => port === 0))
  assert.throws(() => readStackSettings({ METRICS_PORT: '65532' }), BadSettings)
})

test('free ports are all different', async () => {
  const wish = { part: 'a part', variable: 'A_PORT', port: 0 }
  const ports = await takePorts({ a: wish, b: wish, c: wish })
  assert.equal(new Set(Object.values(ports)).size, 3)
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
