/**
 * `npm start` with real processes: however npm or the stack is told to leave, nothing of it stays. Without ranks, which the
 * runner's tests end; and with servers of its own only where they tell something: they take half of the start.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { root } from '../../../infra/local/setup/root.mjs'
import { freePorts } from '../../../infra/local/stack/stack-settings.js'
import { processesOf } from '../../run/leftovers.js'
import { ownBucket } from '../../support/own-bucket.js'
import { testStack } from '../../support/test-stack.js'
import { until } from '../../support/until.js'

const skip = process.platform !== 'linux' && 'processes are counted in /proc'
const upMs = 120_000
const goneMs = 30_000

type Started = {
  /** Leads a group of its own; npm itself, or the shell that started it. */
  child: ChildProcess
  group: number
  output: () => string
  processes: () => string[]
  /** Process number of the stack's supervisor. */
  stack: () => number
  apiPort: number
}

const stack = testStack()
/** Servers of this run, with a bucket and a namespace apart from its other tests'. */
const servers = {
  ...(await ownBucket(stack, 'npm')),
  TEMPORAL_ADDRESS: stack.temporalAddress,
  TEMPORAL_NAMESPACE: `npm-${randomUUID()}`,
  TEMPORAL_CREATE_NAMESPACE: 'true',
}

async function npmStart(
  context: TestContext,
  { command = ['npm', 'start'], ownServers = false }: { command?: string[]; ownServers?: boolean } = {},
): Promise<Started> {
  const dataDir = mkdtempSync(join(tmpdir(), 'text2video-npm-'))
  const { S3_ENDPOINT: _s3, TEMPORAL_ADDRESS: _temporal, _: _started, ...inherited } = process.env
  const elsewhere = ownServers ? {} : servers
  const env = { ...inherited, ...freePorts, ...elsewhere, DATA_DIR: dataDir, RUNNER_ADDRESS: '127.0.0.1:1' }
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const processes = () => processesOf(dataDir)
  context.after(async () => {
    for (const line of processes()) kill(Number.parseInt(line, 10), 'SIGKILL')
    await until('nothing runs', () => processes().length === 0)
    rmSync(dataDir, { recursive: true, force: true })
  })
  const api = await until(
    `it is up: ${command.join(' ')}`,
    () => /API +http:\/\/127\.0\.0\.1:(\d+)/.exec(output) ?? false,
    {
      deadlineMs: upMs,
    },
  )
  const stack = () => Number(readFileSync(join(dataDir, 'stack.pid'), 'utf8'))
  return { child, group: child.pid ?? 0, output: () => output, processes, stack, apiPort: Number(api[1]) }
}

async function nothingIsLeft({ processes, apiPort }: Started): Promise<void> {
  await until('nothing of the stack runs', () => processes().length === 0, { deadlineMs: goneMs })
  // A killed process loses its environment, by which it is found, a moment before its sockets.
  await until('its port is closed', async () => !(await isOpen(apiPort)), { deadlineMs: goneMs })
}

/** With servers of its own: asked by npm alone, killed, and by Ctrl-C, which the servers are sent as well. */
const cases = [
  ['SIGTERM', 'npm', true],
  ['SIGINT', 'npm', false],
  ['SIGHUP', 'npm', false],
  ['SIGKILL', 'npm', true],
  ['SIGTERM', 'the whole group', false],
  ['SIGINT', 'the whole group', true],
  ['SIGHUP', 'the whole group', false],
] as const

for (const [signal, whom, ownServers] of cases) {
  test(`${signal} to ${whom} ends the stack in order, asked once, and nothing is left`, { skip }, async (context) => {
    const started = await npmStart(context, { ownServers })
    assert.equal(started.processes().length > 5, true)
    process.kill(whom === 'npm' ? started.group : -started.group, signal)
    await nothingIsLeft(started)
    const [, ...afterwards] = started.output().split('stopping')
    assert.deepEqual(afterwards, ['; once more to stop at once\n'], 'asked once, and every part left by itself')
  })
}

test('asked again after a second, it ends at once', { skip }, async (context) => {
  const started = await npmStart(context)
  // The API waits for this request, a few seconds at the most.
  const socket = connect(started.apiPort, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(
    'POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\ncontent-type: multipart/form-data; boundary=x\r\n\r\n--x',
  )
  const stack = started.stack()
  process.kill(stack, 'SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  kill(stack, 'SIGTERM')
  await nothingIsLeft(started)
  socket.destroy()
})

test('under nohup a hang-up ends neither the shell that is left nor the stack', { skip }, async (context) => {
  const started = await npmStart(context, { command: ['bash', '-c', 'nohup npm start & sleep 0.5; exit'] })
  assert.equal(started.child.exitCode, 0, 'the shell has gone')
  process.kill(-started.group, 'SIGHUP')
  await until('npm, which is Node, has gone', () => !started.processes().some((line) => /npm start/.test(line)))
  // Longer than it takes to notice that npm has gone.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.equal(await isOpen(started.apiPort), true)
  process.kill(started.stack(), 'SIGTERM')
  await nothingIsLeft(started)
})

test('in a session of its own it outlives its shell', { skip }, async (context) => {
  const started = await npmStart(context, { command: ['sh', '-c', 'setsid npm start & sleep 0.5; exit'] })
  assert.equal(started.child.exitCode, 0, 'the shell has gone')
  assert.throws(() => process.kill(-started.group, 'SIGHUP'), { code: 'ESRCH' })
  assert.equal(await isOpen(started.apiPort), true)
  process.kill(started.stack(), 'SIGTERM')
  await nothingIsLeft(started)
})

test('of a parent that has gone before it looks, it does not start', { skip }, async () => {
  const child = spawn(process.execPath, ['infra/local/run.mjs', '999999999', 'infra/local/start.js'], {
    cwd: root,
    stdio: 'pipe',
  })
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
})

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended.
  }
}

function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}
