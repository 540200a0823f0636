import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

const program = new URL('../../../infra/program/program.js', import.meta.url).href
const settings = new URL('../../../infra/program/settings.js', import.meta.url).href
const startProblem = new URL('../../../infra/program/start-problem.js', import.meta.url).href

/** Starts a program whose `main` has this body. */
function start(body: string, env: Record<string, string> = {}): ChildProcess {
  const code = `import { runProgram } from ${JSON.stringify(program)}
    import { BadSettings, s3Settings } from ${JSON.stringify(settings)}
    import { StartProblem } from ${JSON.stringify(startProblem)}
    import { once } from 'node:events'
    await runProgram('sample', s3Settings, async (program) => {
      const { log, signal, settings } = program
      ${body}
    })`
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH: process.env['PATH'], S3_ACCESS_KEY: 'key', S3_SECRET_KEY: 'a-secret', METRICS_PORT: '0', ...env },
  })
}

type Line = Record<string, unknown> & { event?: string }

async function lines(child: ChildProcess, until?: string): Promise<Line[]> {
  const seen: Line[] = []
  assert.ok(child.stdout)
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line
    seen.push(line)
    if (line.event === until) break
  }
  return seen
}

const untilStopped = `log.info({ event: 'ready' }, 'ready'); if (!signal.aborted) await once(signal, 'abort')`

test('a program serves its health and metrics, and drains on SIGTERM', async () => {
  const child = start(`program.health = async () => ({ s3: 'ok' }); ${untilStopped}`)
  const seen = await lines(child, 'ready')
  assert.ok(seen.every((line) => line['program'] === 'sample' && line['level'] === 'info'))
  const { port } = seen.find((line) => line.event === 'admin') ?? {}
  const health = await fetch(`http://127.0.0.1:${String(port)}/healthz`)
  assert.deepEqual([health.status, await health.json()], [200, { status: 'ok', s3: 'ok' }])
  const metrics = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text()
  assert.match(metrics, /process_cpu_seconds_total\{program="sample"\}/)
  assert.equal((await fetch(`http://127.0.0.1:${String(port)}/other`)).status, 404)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('a failing part shows in the health with its reason', async () => {
  const child = start(`program.health = async () => { throw new Error('S3 is away') }; ${untilStopped}`)
  const { port } = (await lines(child, 'ready')).find((line) => line.event === 'admin') ?? {}
  const health = await fetch(`http://127.0.0.1:${String(port)}/healthz`)
  assert.deepEqual([health.status, await health.json()], [503, { status: 'failing', reason: 'S3 is away' }])
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('what libraries and Node itself would print is in the log, as JSON', async () => {
  const child = start(
    `console.warn('a library %s', 'warns'); console.log({ a: 1 }); process.emitWarning('old'); ${untilStopped}`,
    {
      LOG_LEVEL: 'debug',
    },
  )
  let printed = ''
  child.stderr?.on('data', (chunk) => (printed += String(chunk)))
  const seen = await lines(child, 'ready')
  child.kill('SIGTERM')
  await once(child, 'close')
  const told = seen.filter(({ event }) => event === 'console').map(({ level, msg }) => [level, msg])
  assert.deepEqual(told, [
    ['warn', 'a library warns'],
    ['debug', '{ a: 1 }'],
  ])
  assert.equal(printed, '')
})

test('wrong settings stop the start with a text to read', async () => {
  const child = start('', { S3_ENDPOINT: 'nonsense', LOG_LEVEL: 'loud' })
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text += String(chunk)
  })
  assert.deepEqual(await once(child, 'close'), [2, null])
  assert.match(text, /^settings are wrong:\n {2}S3_ENDPOINT=nonsense: .*\n {2}LOG_LEVEL=loud: /)
})

test('a metrics port that is taken gives way with a warning', async () => {
  const first = start(untilStopped)
  const { port } = (await lines(first, 'ready')).find((line) => line.event === 'admin') ?? {}
  const second = start(untilStopped, { METRICS_PORT: String(port) })
  const seen = await lines(second, 'ready')
  const moved = seen.find((line) => line.event === 'admin')?.['port']
  assert.notEqual(moved, port)
  const warning = seen.find(({ level }) => level === 'warn')?.['msg']
  assert.match(
    String(warning),
    new RegExp(`METRICS_PORT=${String(port)} is in use by another program: ${String(moved)}`),
  )
  assert.equal((await fetch(`http://127.0.0.1:${String(moved)}/healthz`)).status, 200)
  for (const child of [first, second]) child.kill('SIGTERM')
})

for (const [error, code, level] of [
  [`new BadSettings('A=1: too small')`, 2, 'refused'],
  [`new StartProblem('A=x:1: cannot be reached')`, 1, 'failed'],
] as const) {
  test(`what keeps a program from starting is one line of its log, without a stack: ${error}`, async () => {
    const child = start(`throw ${error}`)
    const exit = once(child, 'exit')
    const last = (await lines(child)).at(-1)
    assert.deepEqual([last?.event, last?.['level'], last?.['err']], [level, 'fatal', undefined])
    assert.match(String(last?.['msg']), /^A=/)
    assert.deepEqual(await exit, [code, null])
  })
}

for (const [what, body] of [
  ['thrown by main', `throw new Error('outer', { cause: new Error('inner') })`],
  [
    'nobody waited for',
    `void Promise.reject(new Error('outer', { cause: new Error('inner') })); await new Promise(() => setInterval(() => {}, 1e6))`,
  ],
] as const) {
  test(`an error ${what} is logged whole and ends the program`, async () => {
    const child = start(body)
    const exit = once(child, 'exit')
    const failed = (await lines(child)).find((line) => line.event === 'failed')
    assert.match(JSON.stringify(failed), /outer.*inner/)
    assert.deepEqual(await exit, [1, null])
  })
}

test('an abort that main lets through on SIGTERM is an orderly end', async () => {
  const child = start(`log.info({ event: 'ready' }); await once(process, 'never', { signal })`)
  await lines(child, 'ready')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('secrets do not reach the log', async () => {
  const child = start(`log.info({ settings, headers: { authorization: 'Bearer x1y2' } }, 'started')`)
  const text = JSON.stringify(await lines(child))
  assert.match(text, /started/)
  assert.doesNotMatch(text, /a-secret|x1y2/)
})
