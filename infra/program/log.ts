import { format } from 'node:util'
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'
import { secretNames } from './settings.js'

export type Log = Logger

/** Fields that must never be printed, wherever a caller puts them. */
const secrets = ['authorization', 'cookie', ...secretNames].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export type LogOptions = { program: string; level?: string; output?: DestinationStream }

/**
 * The log of a program: one JSON object a line on stdout, errors with their causes under `err`.
 * What concerns one video goes to `log.child({ video: id })`. A child's line that repeats a field of its child has that key twice,
 * which strict readers refuse: `logs.test.ts` looks for it.
 */
export function createLog({ program, level = 'info', output = stdout() }: LogOptions): Log {
  const options = {
    level,
    base: { program, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause },
    redact: { paths: secrets, censor: '…' },
  } satisfies LoggerOptions
  return pino(options, output)
}

/** Written at once: the line that says why a program ends was lost now and then, when the one before was still being written. */
function stdout(): DestinationStream {
  return pino.destination({ dest: 1, sync: true })
}

/** What libraries write to the console, and Node's own warnings, become lines of the log: all that a program says is JSON. */
export function consoleToLog(log: Log): void {
  for (const method of ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const) {
    const level = method === 'warn' || method === 'error' ? 'warn' : 'debug'
    console[method] = (...words: unknown[]) => log[level]({ event: 'console' }, format(...words))
  }
  process.removeAllListeners('warning') // Node's own listener prints it
  process.on('warning', (warning) => log.warn({ event: 'warning', err: warning }, warning.message))
}
