import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { actedRanks } from './local-runner.js'

/** The runner's program. */
export const runnerMain = fileURLToPath(new URL('../../../gaudi-runner/main.js', import.meta.url))

/** Killed at the end, if it is still there. */
export type RunnerProcess = AsyncDisposable & { child: ChildProcess; port: number; address: string; adminUrl: string }

/** Starts the runner as a process of its own, on any free port with two ranks; `changes` are further settings. */
export async function startRunnerProcess(
  dir: string,
  pythonPath: string,
  changes: NodeJS.ProcessEnv = {},
): Promise<RunnerProcess> {
  const settings = { RUNNER_PORT: '0', RUNNER_DIR: dir, RANKS: '2', PYTHON_PATH: pythonPath, METRICS_PORT: '0' }
  const child = spawn(process.execPath, [runnerMain], {
    env: { ...process.env, ...settings, ...changes },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ports = new Map<string, number>()
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the runner ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { event, port } = JSON.parse(line) as { event?: string; port?: number }
      if (event && port) ports.set(event, port)
      if (event === 'listening') resolve()
    })
  })
  const port = ports.get('listening') ?? 0
  return {
    child,
    port,
    address: `127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${ports.get('admin')}`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** The runner; where it would start Python, the played ranks are started, as `--start` of theirs says. */
export async function startActedProcess(
  dir: string,
  start = 'usual',
  changes: NodeJS.ProcessEnv = {},
): Promise<RunnerProcess & { pids(): Promise<number[]> }> {
  const python = join(dir, 'python')
  const pidFile = join(dir, 'pids')
  // `-m` and its like are Python's and the real rank's: the played one ignores what it does not know.
  const command = `exec "${process.execPath}" "${actedRanks}" --pids "${pidFile}" --start ${start} "$@"`
  await writeFile(python, `#!/bin/sh\n${command}\n`)
  await chmod(python, 0o700)
  const pids = async () => (await readFile(pidFile, 'utf8')).trim().split('\n').map(Number)
  return { ...(await startRunnerProcess(dir, python, changes)), pids }
}

/** Lends a folder of its own, and removes it. */
export async function inFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'runner-process-'))
  try {
    await use(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
