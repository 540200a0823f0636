/**
 * `npm test`: every check and every test, on one real stack that is started meanwhile.
 *
 *   npm test                        everything
 *   npm test -- intake/form queue   only the test files whose paths contain one of the words, without the checks; on a stack only if
 *                                   one of them asks for it
 *   npm test -- python              only the ranks' tests
 *   npm test -- clients             what needs more than set-up brings, and so is no part of everything: test/extra/clients.extra.ts,
 *                                   by its whole name
 *   npm run test:unit -- form       the files that need neither a stack nor a runner
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../../infra/local/setup/root.mjs'
import { parts } from '../../infra/local/setup/parts.mjs'
import { environment } from '../../infra/local/stack/environment.js'
import { type Stack, startStack } from '../../infra/local/stack/stack.js'
import { freePorts } from '../../infra/local/stack/stack-settings.js'
import { stopSignals } from '../../infra/local/stack/stop-signals.js'
import { showNothing } from '../../infra/local/supervisor/terminal.js'
import { readLogs } from '../support/log-files.js'
import { chooseTests, type Needs } from './choose-tests.js'
import { processesOf } from './leftovers.js'
import { Steps } from './steps.js'
import type { TestStack } from '../support/test-stack.js'

const { values, positionals: words } = parseArgs({ allowPositionals: true, options: { unit: { type: 'boolean' } } })
const signal = stopSignals()

const dataDir = mkdtempSync(join(tmpdir(), 'text2video-test-'))
const env = testEnvironment()
const { ffmpeg, python, ruff } = parts(env)
// Tests that run a program of their own find these where its settings have them.
const tools = { ...env, FFMPEG_PATH: ffmpeg, PYTHON_PATH: python }
const steps = new Steps({ cwd: root, env: tools, signal })

const everything = words.length === 0 && !values.unit
const chosen = chooseTests(join(root, 'dist/test'), words).filter(({ needs }) => !values.unit || needs === 'nothing')
const needing = (...needs: Needs[]) => chosen.filter((file) => needs.includes(file.needs)).map(({ path }) => path)
/** They kill stacks of their own, which takes the whole machine to be quick at. */
const chaos = needing('machine')
const onStack = needing('stack').length > 0
const others = needing('nothing', 'runner', 'stack')
const pytest = everything || words.includes('python')

const starting = onStack ? startStack({ env, show: showNothing, signal }) : undefined
starting?.catch(() => undefined) // it is awaited after the checks, beside which it starts
await Promise.all([
  checkAndTest(),
  // Beside the others, which wait more than they compute. With the one test of eight ranks, which a plain pytest leaves out.
  pytest &&
    steps.run('tests of the ranks', python, ['-m', 'pytest', 'gaudi-runner', '--durations=10'], {
      env: { RANKS_8: '1' },
      isQuiet: everything,
    }),
])
if (chaos.length > 0) await node('tests of chaos', chaos)
if (chosen.length === 0 && !pytest) steps.fail('choice of tests', `no test file is named like ${words.join(', ')}`)
process.exitCode = steps.summary()

async function checkAndTest(): Promise<void> {
  if (everything) await check()
  if (starting) await testOn(starting)
  else if (others.length > 0) await node('tests', others)
}

async function check(): Promise<void> {
  const tool = (path: string) => join('node_modules', path)
  await steps.run('format', process.execPath, [tool('@biomejs/biome/bin/biome'), 'ci', '.'])
  await steps.run('lint', process.execPath, [tool('eslint/bin/eslint.js'), '.'])
  await steps.run('Python lint', ruff, ['check', 'gaudi-runner'])
  await steps.run('Python format', ruff, ['format', '--check', 'gaudi-runner'])
}

async function node(name: string, files: string[], environment: NodeJS.ProcessEnv = {}): Promise<boolean> {
  // A file that does not end fails, instead of the whole run. The inputs alone are more than a hundred videos.
  const minutes = files.some((file) => file.endsWith('.extra.js')) ? 120 : 20
  const limit = `--test-timeout=${minutes * 60_000}`
  const reporters = ['spec', './dist/test/run/slowest-files.js'].flatMap((reporter) => [
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
  ])
  // More than a gate of 2 cores has: a file waits for processes, renders and deadlines two thirds of its time.
  const args = ['--test', limit, '--test-concurrency=3', ...reporters, '--enable-source-maps', ...files]
  return steps.run(name, process.execPath, args, { env: environment })
}

/** The files that need one, with one stack for all of them; then nothing of it may be left. */
async function testOn(starting: Promise<Stack>): Promise<void> {
  const stack = await steps.time('the stack is up', () => starting)
  if (stack === undefined) return
  const passed = await node('tests', others, { TEST_STACK: JSON.stringify(describe(stack)) })
  await steps.time('the stack stops', async () => {
    await stack[Symbol.asyncDispose]()
    const left = processesOf(dataDir)
    if (left.length > 0) throw new Error(`processes of the stack are left:\n${left.join('\n')}`)
  })
  // Whatever the tests did to it.
  await steps.time('its logs are JSON', () => Promise.resolve(readLogs(stack.logDir)))
  if (passed) rmSync(dataDir, { recursive: true, force: true })
  else console.log(`logs of the stack: ${stack.logDir}`)
}

function describe({ apiUrl, temporalAddress, namespace, s3, runnerAddresses, metricsUrls }: Stack): TestStack {
  return {
    ...{ apiUrl, temporalAddress, namespace, s3, runnerAddresses, metricsUrls, dataDir },
    ffmpegPath: ffmpeg,
    pythonPath: python,
    examplesDir: join(root, 'examples'),
  }
}

/** Two nodes, so that a shared queue is tested; outside servers that the shell may point at are none of the tests' business. */
function testEnvironment(): NodeJS.ProcessEnv {
  const { S3_ENDPOINT, TEMPORAL_ADDRESS, RUNNER_ADDRESS, S3_BUCKET, TEMPORAL_NAMESPACE, ...inherited } = environment()
  return { ...inherited, ...freePorts, DATA_DIR: dataDir, NODES: '2', RANKS: '1', NODE_NAME: 'test' }
}
