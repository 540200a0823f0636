// @ts-check
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheFolder } from './cache.mjs'
import { digest } from './digest.mjs'
import { root } from './root.mjs'

/** The versions of what is not named by a requirements file, and why these: facts were measured with them. */
export const versions = {
  uv: '0.13.9',
  go: '1.27.3',
  /** The last commit of the community edition with the conditional-PUT quorum fix. */
  minio: 'v0.0.0-20260212201848-7aac2a2c5b7c',
  /** What Gaudi software 1.23 ships. */
  torch: '2.9.1',
}

export const toolRequirements = join(root, 'infra/local/requirements.txt')
export const rankRequirements = join(root, 'gaudi-runner/requirements.txt')

/** Folders of the cache, by part and version: a changed requirement makes a new folder beside the old one. */
export const folders = {
  uv: join(cacheFolder, `uv-${versions.uv}`),
  go: join(cacheFolder, `go-${versions.go}`),
  minio: join(cacheFolder, `minio-${versions.minio}`),
  tools: join(cacheFolder, `tools-${contents(toolRequirements)}`),
  ranks: join(cacheFolder, `ranks-torch-${versions.torch}-${contents(rankRequirements)}`),
}

/**
 * Programs that the local stack runs. Those of a part that is elsewhere (`TEMPORAL_ADDRESS`, …) may not be there.
 * @typedef {{ temporal: string, minio: string, ffmpeg: string, python: string, ruff: string }} Parts
 */

/**
 * Where each program is, or will be once set up. Quick: looks at the PATH, starts nothing.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Parts}
 */
export function parts(env = process.env) {
  // A Gaudi node has the torch of Habana's image: it is used as it is, never replaced.
  const python = env.PYTHON_PATH || join(folders.ranks, 'bin/python')
  return {
    temporal: join(folders.tools, 'bin/temporal'),
    minio: onPath('minio', env) ?? join(folders.minio, 'minio'),
    ffmpeg: env.FFMPEG_PATH || join(folders.tools, 'bin/ffmpeg'),
    python,
    ruff: join(folders.tools, 'bin/ruff'),
  }
}

/**
 * The program of that name on the PATH.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 */
export function onPath(name, env = process.env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram)
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string} file */
function contents(file) {
  // By contents, not by path: every checkout shares the cache.
  return existsSync(file) ? digest({ texts: [readFileSync(file, 'utf8')] }).slice(0, 12) : 'none'
}
