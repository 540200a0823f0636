/**
 * `npm test`: every check and every test, in this order, on one real stack that is started meanwhile.
 *
 *   npm test                     everything
 *   npm test -- intake queue     only the test files whose names contain one of the words, on the stack, without the checks
 *   npm test -- python           only the ranks' tests
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../infra/setup/root.mjs'
import { parts } from '../infra/setup/parts.mjs'
import { environment } from '../infra/stack/environment.js'
import { type Stack, startStack } from '../infra/stack/stack.js'
import { freePorts } from '../infra/stack/stack-settings.js'
import { showNothing } from '../infra/stack/terminal.js'
import { processesOf } from './run/leftovers.js'
import { Steps } from './run/steps.js'
import type { TestStack } from './stack.js'

const words = process.argv.slice(2)
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

const dataDir = mkdtempSync(join(tmpdir(), 'text2video-test-'))
const env = testEnvironment()
const { ffmpeg, python, ruff } = parts(env)
// Tests that run a program of their own find these where its settings have them.
const tools = { ...env, FFMPEG_PATH: ffmpeg, PYTHON_PATH: python }
const steps = new Steps({ cwd: root, env: tools, signal: stopping.signal })

const everything = words.length === 0
const files = readdirSync(join(root, 'dist/test'))
  .filter((name) => name.endsWith('.test.js') && (everything || words.some((word) => name.includes(word))))
  .map((name) => join('dist/test', name))
/** They kill stacks of their own, which takes the whole machine to be quick at. */
const chaos = files.filter((name) => /\/chaos\b/.test(name))
const shared = files.filter((name) => !chaos.includes(name))
const pytest = everything || words.includes('python')

const starting = shared.length > 0 ? startStack({ env, show: showNothing, signal: stopping.signal }) : undefined
starting?.catch(() => undefined) // it is awaited after the checks, beside which it starts
if (everything) await check()
if (starting) await testOn(starting)
if (chaos.length > 0) await node('tests of chaos', chaos)
// With the one test of eight ranks, which a plain pytest leaves out.
if (pytest) await steps.run('tests of the ranks', python, ['-m', 'pytest', 'gaudi-runner'], { RANKS_8: '1' })
if (files.length === 0 && !pytest) steps.fail('choice of tests', `no test file is named like ${words.join(', ')}`)
process.exitCode = steps.summary()

async function check(): Promise<void> {
  const tool = (path: string) => join('node_modules', path)
  await steps.run('format', process.execPath, [tool('@biomejs/biome/bin/biome'), 'ci', '.'])
  await steps.run('lint', process.execPath, [tool('eslint/bin/eslint.js'), '.'])
  await steps.run('Python lint', ruff, ['check', 'gaudi-runner'])
  await steps.run('Python format', ruff, ['format', '--check', 'gaudi-runner'])
}

async function node(name: string, files: string[], environment: NodeJS.ProcessEnv = {}): Promise<boolean> {
  // A file that does not end fails, instead of the whole run.
  const limit = `--test-timeout=${20 * 60_000}`
  const args = ['--test', limit, '--test-concurrency=2', '--test-reporter=spec', '--enable-source-maps', ...files]
  return steps.run(name, process.execPath, args, environment)
}

/** The files that need one, with one stack for all of them; then nothing of it may be left. */
async function testOn(starting: Promise<Stack>): Promise<void> {
  const stack = await steps.time('the stack is up', () => starting)
  if (stack === undefined) return
  const passed = await node('tests', shared, { TEST_STACK: JSON.stringify(describe(stack)) })
  await steps.time('the stack stops', async () => {
    await stack[Symbol.asyncDispose]()
    const left = processesOf(dataDir)
    if (left.length > 0) throw new Error(`processes of the stack are left:\n${left.join('\n')}`)
  })
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
