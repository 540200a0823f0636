import { proxyActivities } from '@temporalio/workflow'
import { queues } from '../names.js'
import type { SweepActivities, Swept } from './sweep-activities.js'

const activities = proxyActivities<SweepActivities>({
  taskQueue: queues.videos,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '10 seconds', maximumInterval: '10 minutes', maximumAttempts: 20 },
  summary: 'leftovers in S3',
})

/** What the schedule `sweep` runs every night; its result tells what was removed. */
export function sweep(): Promise<Swept> {
  return activities.sweep()
}
