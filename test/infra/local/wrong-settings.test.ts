import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { parts } from '../../../infra/local/setup/parts.mjs'
import { startStack } from '../../../infra/local/stack/stack.js'
import { freePorts } from '../../../infra/local/stack/stack-settings.js'
import { showNothing } from '../../../infra/local/supervisor/terminal.js'
import { ending } from '../../../infra/local/stack/with-stack.js'
import { readSettings, s3Settings, temporalSettings } from '../../../infra/program/settings.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { connectTemporal, requireNamespace } from '../../../infra/temporal/temporal.js'
import { connectWorker } from '../../../infra/temporal/temporal-worker.js'
import { outsideServers as servers, runProgram as run } from '../../support/run-program.js'
import { testStack } from '../../support/test-stack.js'

const stack = testStack()
const port = (url: string) => new URL(url.includes('//') ? url : `grpc://${url}`).port
const nobody = '127.0.0.1:1'

const start = 'infra/local/start.js'
const ready = '"event":"ready"'

/** The start of a stack in this process, which ends `npm start` as `ending` says; a folder that nothing is written to afterwards. */
async function startHere(context: TestContext, settings: NodeJS.ProcessEnv): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'text2video-settings-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const env = { ...freePorts, DATA_DIR: join(dir, 'data'), ...settings }
  await using _stack = await startStack({ env, show: showNothing, signal: context.signal })
}

/** What the API (`connectTemporal`) or a worker (`connectWorker`) does before anything else, in this process. */
async function connectHere(
  connect: typeof connectTemporal | typeof connectWorker,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const settings = readSettings(env, { ...s3Settings, ...temporalSettings })
  await using _store = await connectObjectStore(settings)
  await using temporal = await connect(settings)
  await requireNamespace(temporal.connection, settings)
}

/** How what was tried here would end its program, and what that would print. */
async function failing(tried: Promise<void>): Promise<{ code: number | null; output: string }> {
  const error: unknown = await tried.catch((reason: unknown) => reason)
  assert.ok(error instanceof Error, 'it is refused')
  const { code, printed } = ending(error)
  return { code, output: String(printed) }
}

test('npm start checks the settings of every program before it starts anything', async (context) => {
  const wrong = { VIDEO_RETENTION_DAYS: '0', DEVICE: 'tpu', LOG_LEVEL: 'verbose', MEDIA_SLOTS: 'two', RANKS: '0' }
  const dir = mkdtempSync(join(tmpdir(), 'text2video-settings-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const { code, output } = await run(context, start, { ...wrong, DATA_DIR: join(dir, 'data') })
  assert.equal(code, 2)
  for (const [name, value] of Object.entries(wrong)) assert.match(output, new RegExp(`${name}=${value}: .*; e\\.g\\. `))
  assert.match(output, /LOG_LEVEL=verbose: must be one of trace, debug, info, warn, error, fatal/)
  assert.ok(!existsSync(join(dir, 'data')))
})

test('npm start finds a folder of weights that is not there, and files that are not', async (context) => {
  const { code, output } = await run(context, start, { ENGINE: 'infinitetalk', MODEL_DIR: '/no/such/weights' })
  assert.deepEqual([code, /MODEL_DIR=\/no\/such\/weights: there is no such folder/.test(output)], [2, true], output)
  const files = await run(context, start, { LOGO_VIDEO_PATH: '/no/logo.mp4', FFMPEG_PATH: '/no/ffmpeg' })
  assert.equal(files.code, 2)
  assert.match(files.output, /LOGO_VIDEO_PATH=\/no\/logo\.mp4: there is no such file/)
  assert.match(files.output, /FFMPEG_PATH=\/no\/ffmpeg: there is no such program/)
})

test('what is set and does nothing is told by npm start and by each program', async (context) => {
  const idle = { RANK: '8', DEVICE: 'hpu', S3_SECRET_KEY: 'wrong-secret' }
  const expected = [/there is no setting RANK; did you mean RANKS\?/, /DEVICE=hpu has no effect: ENGINE=demo/]
  const { output } = await run(context, start, { ...servers, ...idle })
  for (const line of expected) assert.match(output, line)
  const api = await run(context, 'api/main.js', { ...servers, ...idle })
  for (const line of expected) {
    assert.ok(
      api.lines.some(({ level, msg }) => level === 'warn' && line.test(String(msg))),
      api.output,
    )
  }
})

const wrongServers: { what: string; change: NodeJS.ProcessEnv; code: 1 | 2; says: RegExp }[] = [
  {
    what: 'an S3 access key',
    change: { S3_ACCESS_KEY: 'nobodys-key' },
    code: 2,
    says: /S3_ACCESS_KEY.*no such access/,
  },
  { what: 'an S3 secret key', change: { S3_SECRET_KEY: 'wrong-secret' }, code: 2, says: /S3_SECRET_KEY.*refuses the/ },
  {
    what: 'an S3 that is away',
    change: { S3_ENDPOINT: `http://${nobody}` },
    code: 1,
    says: /S3_ENDPOINT=http:\/\/127\.0\.0\.1:1: .*cannot be reached \(connect ECONNREFUSED/,
  },
  {
    what: 'an S3 that is Temporal',
    change: { S3_ENDPOINT: `http://127.0.0.1:${port(stack.temporalAddress)}` },
    code: 2,
    says: /S3_ENDPOINT=.* what answers there is not S3/,
  },
  {
    what: 'an S3 that is our API',
    change: { S3_ENDPOINT: stack.apiUrl },
    code: 2,
    says: /S3_ENDPOINT=.* what answers there is not S3/,
  },
  {
    what: 'a Temporal that is away',
    change: { TEMPORAL_ADDRESS: nobody },
    code: 1,
    says: /TEMPORAL_ADDRESS=127\.0\.0\.1:1: .*cannot be reached \(connect ECONNREFUSED/,
  },
  {
    what: 'a Temporal that is S3',
    change: { TEMPORAL_ADDRESS: `127.0.0.1:${port(stack.s3.S3_ENDPOINT)}` },
    code: 1,
    says: /TEMPORAL_ADDRESS=.* does not answer as Temporal does/,
  },
  {
    what: 'a Temporal that is a runner',
    change: { TEMPORAL_ADDRESS: stack.runnerAddresses[0] ?? '' },
    code: 2,
    says: /TEMPORAL_ADDRESS=.* what answers there is not Temporal/,
  },
  {
    what: 'a namespace',
    change: { TEMPORAL_NAMESPACE: 'misspelt' },
    code: 2,
    says: /TEMPORAL_NAMESPACE=misspelt: .*`temporal operator namespace create .*TEMPORAL_CREATE_NAMESPACE=true/,
  },
]

// A program takes 1 to 2 s of CPU to start: where several end by the same few lines, some are started and all of those lines are run here.

const started = ['an S3 secret key', 'a Temporal that is away', 'a namespace']

for (const { what, change, code, says } of wrongServers) {
  const settings = { ...servers, ...change }

  test(`${what}, wrong, ends npm start in one line that names the setting`, async (context) => {
    const ran = started.includes(what)
      ? await run(context, start, settings)
      : await failing(startHere(context, settings))
    assert.deepEqual([ran.code, ran.output.trim().split('\n').length], [code, 1], ran.output)
    assert.match(ran.output, says)
    assert.doesNotMatch(ran.output, /wrong-secret|nobodys-key/)
  })

  test(`${what}, wrong, ends the API with one line of its log`, async (context) => {
    if (started.includes(what)) {
      const ran = await run(context, 'api/main.js', settings)
      const last = ran.lines.at(-1)
      assert.deepEqual([ran.code, last?.['level'], last?.['err']], [code, 'fatal', undefined], ran.output)
      assert.match(String(last?.['msg']), says)
      assert.doesNotMatch(ran.output, /wrong-secret|nobodys-key/)
    } else {
      const ran = await failing(connectHere(connectTemporal, settings))
      assert.deepEqual([ran.code, ran.output.trim().split('\n').length], [code, 1], ran.output)
      assert.match(ran.output, says)
      assert.doesNotMatch(ran.output, /wrong-secret|nobodys-key/)
    }
  })
}

const workerProblems = ['an S3 secret key', 'a Temporal that is away', 'a Temporal that is S3', 'a namespace'].map(
  (what) => wrongServers.find((wrong) => wrong.what === what) ?? assert.fail(what),
)

for (const [i, worker] of ['videos', 'media', 'node'].entries()) {
  test(`the ${worker} worker ends alike for a store, a Temporal and a namespace`, async (context) => {
    // The namespace, which each looks for by itself, and one of the others, which all meet in the same lines.
    for (const { change, says } of workerProblems.filter((_, n) => n === i || n === 3)) {
      const ran = await run(context, `activities/${worker}-worker.js`, { ...servers, ...change })
      const last = ran.lines.at(-1)
      assert.deepEqual([last?.['level'], last?.['err']], ['fatal', undefined], ran.output)
      assert.match(String(last?.['msg']), says)
    }
  })
}

test('what a worker connects with ends alike for a store, a Temporal and a namespace', async () => {
  for (const { change, says } of workerProblems) {
    assert.match((await failing(connectHere(connectWorker, { ...servers, ...change }))).output, says)
  }
})

test('a namespace is made when that is asked for, or by the command that is told', async (context) => {
  const asked = { ...servers, TEMPORAL_NAMESPACE: `asked-${randomUUID()}`, TEMPORAL_CREATE_NAMESPACE: 'true' }
  const made = await run(context, 'activities/videos-worker.js', asked, { until: ready })
  assert.equal(made.code, 0, made.output)

  const told = { ...servers, TEMPORAL_NAMESPACE: `told-${randomUUID()}` }
  const refused = await run(context, 'activities/videos-worker.js', told)
  const [, command = ''] = /`temporal ([^`]*)`/.exec(refused.output) ?? assert.fail(refused.output)
  execFileSync(parts().temporal, command.split(' '), { stdio: 'ignore' })
  const found = await run(context, 'activities/videos-worker.js', told, { until: ready })
  assert.equal(found.code, 0, found.output)
})

test('what the ranks refuse ends npm start with the whole of what they said', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'text2video-settings-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const [weights, data] = [join(dir, 'weights'), join(dir, 'data')]
  mkdirSync(weights)
  const { RUNNER_ADDRESS, ...stores } = servers
  const changes = { ENGINE: 'infinitetalk', MODEL_DIR: weights, DEVICE: 'cpu', RANKS: '1', DATA_DIR: data }
  const { code, output } = await run(context, start, { ...stores, ...changes })
  assert.equal(code, 2, output)
  const log = readFileSync(join(data, 'logs/runner.log'), 'utf8').split('\n')
  const refusal = log.flatMap((line) =>
    line.includes('"event":"refused"') ? [JSON.parse(line) as { msg: string }] : [],
  )
  const said = refusal[0]?.msg ?? assert.fail(log.join('\n'))
  assert.ok(said.length > 400, 'more than the terminal shows of other lines')
  assert.ok(output.includes(said.trim()), output)
  assert.equal(refusal.length, 1, 'it is not tried again')
  assert.deepEqual(readdirSync(data).includes('stack.pid'), false)
})
