import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker'
import type { Log } from '../../infra/program/log.js'

/**
 * Sends what the Temporal SDK and workflows log to the program's log. Call it once, before the first connection.
 * Signals of the system are left to the program: the SDK would shut workers down on its own.
 */
export function installTemporalLog(log: Log): void {
  const logger = new DefaultLogger('WARN', ({ level, message, meta }: LogEntry) => {
    if (message.startsWith('No workflows registered')) return // so it is meant, on all queues but one
    const { error, workflowId, ...rest } = meta ?? {}
    const fields = {
      event: 'temporal',
      video: workflowId,
      ...(error instanceof Error && { err: error }),
      ...short(rest),
    }
    if (level === 'ERROR') log.error(fields, message)
    else log.warn(fields, message)
  })
  Runtime.install({ logger, shutdownSignals: [] })
}

/** Of what the SDK knows of a workflow or activity, what helps a reader; not tokens and namespaces. */
function short({ code, detail, message, faults, activityType, attempt, reason }: Record<string, unknown>): object {
  return { code, reason: detail ?? message ?? reason, faults, activity: activityType, attempt }
}
