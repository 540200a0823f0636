import { CancelledFailure } from '@temporalio/common'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { Histogram, type Registry } from 'prom-client'
import type { Log } from '../../infra/program/log.js'
import { failureCode, failures, isOurFault } from '../../workflows/failures.js'
import { failureOf } from './activity-failure.js'

/**
 * What surrounds every activity of a worker: errors become failures with a code, begin and end are logged with the
 * video's id, and both the wait in the queue and the run are measured.
 */
export function activityEdge({ log, registry }: { log: Log; registry: Registry }): ActivityInterceptorsFactory {
  const waited = new Histogram({
    name: 'text2video_dispatch_seconds',
    help: 'Seconds from an activity being scheduled to its start on a worker.',
    labelNames: ['activity'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120, 600, 3600, 14_400],
    registers: [registry],
  })
  const ran = new Histogram({
    name: 'text2video_activity_seconds',
    help: 'Seconds of activities, by how they ended.',
    labelNames: ['activity', 'outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400],
    registers: [registry],
  })

  return ({ info, cancellationSignal }) => {
    const activity = info.activityType
    const videoLog = log.child({ video: info.workflowExecution?.workflowId, activity, attempt: info.attempt })
    return {
      inbound: {
        async execute(input, next) {
          waited.observe({ activity }, Math.max(0, Date.now() - info.currentAttemptScheduledTimestampMs) / 1000)
          const end = ran.startTimer({ activity })
          videoLog.info({ event: 'begun' }, `${activity} begins`)
          try {
            const result = await next(input)
            const seconds = end({ outcome: 'done' })
            videoLog.info({ event: 'done', seconds }, `${activity} is done`)
            return result
          } catch (error) {
            // Whatever a cancellation broke on its way out is the cancellation.
            const failed = cancellationSignal.aborted && !isTyped(error) ? cancellationSignal.reason : failureOf(error)
            const outcome = failed instanceof CancelledFailure ? 'cancelled' : failureCode(failed.type)
            end({ outcome })
            const level = isOurFault(outcome) ? 'error' : 'warn'
            videoLog[level]({ event: 'failed', code: outcome, err: failed }, `${activity} failed: ${failed.message}`)
            throw failed
          }
        },
      },
    }
  }
}

function isTyped(error: unknown): boolean {
  return error instanceof Error && 'type' in error && Object.hasOwn(failures, String(error.type))
}
