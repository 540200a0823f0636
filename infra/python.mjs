// @ts-check
/** Runs the ranks' Python with the arguments given: `npm run test:python -- -k loop`. */
import { spawnSync } from 'node:child_process'
import { setUp } from './setup.mjs'

const { python } = await setUp({ all: true })
const { status } = spawnSync(python, process.argv.slice(2), { stdio: 'inherit' })
process.exitCode = status ?? 1
