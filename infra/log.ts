import { type Logger, pino, stdSerializers } from 'pino'
import { secretNames } from './settings.js'

export type Log = Logger

/** Fields that must never be printed, wherever a caller puts them. */
const secrets = ['authorization', 'cookie', ...secretNames].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * The log of a program: one JSON object a line on stdout, errors with their causes under `err` or `error`.
 * What concerns one video goes to `log.child({ video: id })`.
 */
export function createLog({ program, level = 'info' }: { program: string; level?: string }): Log {
  return pino({
    level,
    base: { program, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
    redact: { paths: secrets, censor: '…' },
  })
}
