import type { Registry } from 'prom-client'
import type { z } from 'zod'
import { type Health, startAdminServer } from './admin-server.js'
import { consoleToLog, createLog, type Log } from './log.js'
import { createMetrics } from './metrics.js'
import { settingWarnings } from './setting-warnings.js'
import { BadSettings, readSettings, telemetrySettings } from './settings.js'
import { StartProblem } from './start-problem.js'

type Shape = Record<string, z.ZodType>

type Settings<S extends Shape> = z.infer<z.ZodObject<S>> & z.infer<z.ZodObject<typeof telemetrySettings>>

/** What a program's `main` is given. It may set `health` once it has parts to speak of. */
export type Program<S extends Shape> = {
  readonly settings: Settings<S>
  readonly log: Log
  readonly registry: Registry
  /** Aborted by SIGTERM and SIGINT: drain, then return. */
  readonly signal: AbortSignal
  health: Health
}

/**
 * Runs one program of the service, from its settings to its exit code: 0 when `main` returns; 2 for wrong settings, all of
 * them named on stderr, and for a `BadSettings` that `main` throws, its message logged as `{ event: 'refused' }`; 1 for a
 * `StartProblem`, of which the message is logged, and for an unexpected error, which is logged whole.
 *
 * `main` logs `{ event: 'ready' }` when it is at work. The first SIGTERM or SIGINT asks it to drain, a second one ends it at once.
 */
export async function runProgram<S extends Shape>(
  name: string,
  shape: S,
  main: (program: Program<S>) => Promise<void>,
): Promise<void> {
  process.umask(0o077) // whatever it writes, temporary files as well, is this user's alone
  const { settings, warnings } = settingsOrExit(shape)
  const log = createLog({ program: name, level: settings.LOG_LEVEL })
  consoleToLog(log)
  for (const warning of warnings) log.warn({ event: 'setting' }, warning)
  const stopping = new AbortController()
  const fatal = (err: unknown): never => {
    if (err instanceof BadSettings) {
      log.fatal({ event: 'refused' }, err.message)
      process.exit(2)
    }
    if (err instanceof StartProblem) log.fatal({ event: 'failed' }, err.message)
    else log.fatal({ event: 'failed', err }, 'unexpected error')
    process.exit(1)
  }
  process.on('uncaughtException', fatal) // unhandled rejections arrive here as well
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(1)
      log.info({ event: 'stopping', signal }, 'stopping')
      stopping.abort()
    })
  }

  const registry = createMetrics(name)
  const program: Program<S> = {
    settings,
    log,
    registry,
    signal: stopping.signal,
    health: () => Promise.resolve({}),
  }
  try {
    const wished = settings.METRICS_PORT
    await using admin = await startAdminServer({ port: wished, registry, health: () => program.health() })
    const { port } = admin
    if (wished !== 0 && port !== wished) {
      log.warn(
        { event: 'admin-moved' },
        `METRICS_PORT=${wished} is in use by another program: ${port} is taken instead`,
      )
    }
    log.info({ event: 'admin', port }, 'health and metrics are served')
    await main(program)
  } catch (error) {
    // An abort that `main` let through is the way out that the signal asked for.
    if (!(stopping.signal.aborted && isAbort(error))) fatal(error)
  }
  log.info({ event: 'stopped' }, 'stopped')
  // Whatever still holds the process open belongs to nobody by now.
  process.exit(0)
}

function settingsOrExit<S extends Shape>(shape: S): { settings: Settings<S>; warnings: string[] } {
  // The one place outside infra/program/settings.ts: `main` gets what was read, never the environment.
  // eslint-disable-next-line no-restricted-properties -- as said above
  const { env } = process
  try {
    const settings: unknown = readSettings(env, { ...shape, ...telemetrySettings })
    // The compiler does not see that a merged shape gives both.
    return { settings: settings as Settings<S>, warnings: settingWarnings(env) }
  } catch (error) {
    if (!(error instanceof BadSettings)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
