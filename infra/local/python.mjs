// @ts-check
/** Runs the ranks' Python with the arguments given: `npm run test:python -- -k loop`. */
import { spawnSync } from 'node:child_process'
import { setUp } from './setup.mjs'

const { python, ffmpeg } = await setUp({ all: true })
const { status } = spawnSync(python, process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, FFMPEG_PATH: ffmpeg },
})
process.exitCode = status ?? 1
