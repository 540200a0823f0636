import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, place } from '../../infra/local/setup/cache.mjs'
import { runCommand } from '../../infra/local/setup/command.mjs'
import { digest } from '../../infra/local/setup/digest.mjs'
import { findUv, systemPython } from '../../infra/local/setup/python-parts.mjs'

/** A Python environment with these packages, made once and kept in set-up's cache; the folder of its programs. */
export async function pythonWith(requirements: string[]): Promise<string> {
  const folder = await cached('python', requirements, async (made) => {
    const uv = findUv() ?? 'uv'
    await runCommand(uv, ['venv', '--python', systemPython, '--relocatable', '--allow-existing', made])
    await runCommand(uv, ['pip', 'install', '--python', made, ...requirements])
  })
  return join(folder, 'bin')
}

/** The node_modules of a package.json, made once and kept in set-up's cache. */
export async function nodeModulesOf(packageFile: string): Promise<string> {
  const folder = await cached('node', [readFileSync(packageFile, 'utf8')], async (made) => {
    copyFileSync(packageFile, join(made, basename(packageFile)))
    await runCommand('npm', ['install', '--no-audit', '--no-fund', '--no-progress'], { cwd: made })
  })
  return join(folder, 'node_modules')
}

/** The lines of a requirements file that name a package. */
export function requirementsIn(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^\w/.test(line))
}

async function cached(kind: string, inputs: string[], make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder, `clients-${kind}-${digest({ texts: inputs }).slice(0, 12)}`)
  if (!existsSync(folder)) await place(folder, make)
  return folder
}

/** Runs a program to its end; what it printed. Throws with all that it said when it fails. */
export async function output(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const { cwd, env } = options
  const { stdout } = await promisify(execFile)(command, args, {
    ...{ cwd, env: { ...process.env, ...env }, timeout: 10 * 60_000, maxBuffer: 16 * 2 ** 20 },
  })
  return stdout.trim()
}
