import type { Client } from '@temporalio/client'
import type { VideoActivities } from '../../workflows/video/video-activities.js'

/** When the first finished execution of an activity was scheduled, started and completed: the server's clock, ms. */
export type Span = { scheduled: number; started: number; completed: number }

export type VideoTimes = { accepted: number } & Partial<Record<keyof VideoActivities | 'bare', Span>>

type Time = { seconds?: unknown; nanos?: number | null } | null | undefined

/** The times of one video's life, read from its workflow's history. */
export async function videoTimes(client: Client, id: string): Promise<VideoTimes> {
  const { events } = await client.workflow.getHandle(id).fetchHistory()
  const scheduled = new Map<string, { name: string; at: number }>()
  const started = new Map<string, number>()
  const times: VideoTimes = { accepted: ms(events?.[0]?.eventTime) }
  for (const event of events ?? []) {
    const at = ms(event.eventTime)
    if (event.activityTaskScheduledEventAttributes) {
      const name = event.activityTaskScheduledEventAttributes.activityType?.name ?? ''
      scheduled.set(String(event.eventId), { name, at })
    } else if (event.activityTaskStartedEventAttributes) {
      started.set(String(event.activityTaskStartedEventAttributes.scheduledEventId), at)
    } else if (event.activityTaskCompletedEventAttributes) {
      const of = String(event.activityTaskCompletedEventAttributes.scheduledEventId)
      const begun = scheduled.get(of)
      if (begun) {
        times[begun.name as keyof VideoActivities] ??= {
          scheduled: begun.at,
          started: started.get(of) ?? begun.at,
          completed: at,
        }
      }
    }
  }
  return times
}

function ms(time: Time): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6
}
