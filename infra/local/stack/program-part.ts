import { join } from 'node:path'
import type { StackPart, Stage } from '../supervisor/part.js'
import { root } from '../setup/root.mjs'

/** One of our own programs, built into dist/. It says itself when it is ready, and drains on SIGTERM. */
export function programPart(options: {
  name: string
  stage: Stage
  program: string
  env: NodeJS.ProcessEnv
  /** 0: any free one. */
  metricsPort: number | undefined
  readyMs?: number
}): StackPart {
  const { name, stage, program, env, metricsPort = 0, readyMs = 60_000 } = options
  return {
    name,
    stage,
    command: process.execPath,
    args: ['--enable-source-maps', join(root, 'dist', program)],
    env: { ...env, METRICS_PORT: String(metricsPort), LOG_LEVEL: levelWithReady(env['LOG_LEVEL']) },
    readiness: { kind: 'event' },
    readyMs,
    graceMs: 15_000,
  }
}

/** That a program is ready is told at level info: a higher one would keep it from the stack, which waits for it. */
function levelWithReady(level: string | undefined): string {
  return level === 'trace' || level === 'debug' ? level : 'info'
}
