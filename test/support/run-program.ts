import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../infra/local/stack/stack-settings.js'
import { testStack } from './test-stack.js'

const stack = testStack()

/** Every server elsewhere, so that `npm start` has none to start. */
export const outsideServers: NodeJS.ProcessEnv = {
  ...stack.s3,
  TEMPORAL_ADDRESS: stack.temporalAddress,
  TEMPORAL_NAMESPACE: stack.namespace,
  RUNNER_ADDRESS: stack.runnerAddresses[0] ?? '',
}

export type Ran = { code: number | null; output: string; lines: Record<string, unknown>[] }

/**
 * A program of dist/ in a folder of its own, with these settings and no others, until it ends; asked to end as soon as its
 * output has `until`, and `use` is done with it.
 */
export async function runProgram(
  context: TestContext,
  program: string,
  settings: NodeJS.ProcessEnv,
  { until, use }: { until?: string; use?: (output: string) => Promise<void> } = {},
): Promise<Ran> {
  const dir = mkdtempSync(join(tmpdir(), 'text2video-program-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const { PATH, HOME } = process.env
  const tools = { FFMPEG_PATH: stack.ffmpegPath, PYTHON_PATH: stack.pythonPath }
  const env = { PATH, HOME, ...tools, ...freePorts, DATA_DIR: join(dir, 'data'), ...settings }
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../../${program}`, import.meta.url))], {
    env,
    cwd: dir,
  })
  let output = ''
  const ended = once(child, 'close')
  const reached = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += String(chunk)
        if (until !== undefined && output.includes(until)) resolve()
      })
    }
  })
  try {
    await Promise.race([reached, ended])
    if (child.exitCode === null) await use?.(output)
  } finally {
    child.kill('SIGTERM')
  }
  const [code] = (await ended) as [number | null]
  const lines = output
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []))
  return { code, output, lines }
}
