import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client'
import { queues, sweepWorkflow } from '../../workflows/names.js'

/** The nightly sweep, at 03:17 UTC: made at every start of a worker, by the first that comes. */
export async function ensureSweepSchedule(client: Client): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: sweepWorkflow,
      spec: { calendars: [{ hour: 3, minute: 17 }] },
      action: {
        type: 'startWorkflow',
        workflowType: sweepWorkflow,
        workflowId: sweepWorkflow,
        taskQueue: queues.videos,
      },
      // One at a time; a night on which nothing ran is not made up for: the next does the same work.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    })
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
  }
}
