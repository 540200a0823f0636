import type { Client } from '@temporalio/client'
import type { temporal } from '@temporalio/proto'
import type { VideoActivities } from '../../../workflows/video/video-activities.js'

/** One render that has ended, however it ended: from when the node was given it until the server knew of its end, ms. */
export type NodeRender = { id: string; node: string; started: number; ended: number }

const render = 'render' satisfies keyof VideoActivities

/** The renders of one video, by its workflow's history and the server's clock. */
export async function nodeRenders(client: Client, id: string): Promise<NodeRender[]> {
  const { events } = await client.workflow.getHandle(id).fetchHistory()
  const scheduled = new Set<string>()
  const begun = new Map<string, { node: string; started: number }>()
  const renders: NodeRender[] = []
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: schedule, activityTaskStartedEventAttributes: start } = event
    if (schedule?.activityType?.name === render) scheduled.add(String(event.eventId))
    // A node worker's identity is `<node>@<pid>`.
    if (start) begun.set(String(start.scheduledEventId), { node: nodeOf(start.identity), started: ms(event) })
    const of = String(endOf(event)?.scheduledEventId)
    const beginning = begun.get(of)
    if (beginning && scheduled.has(of)) renders.push({ id, ...beginning, ended: ms(event) })
  }
  return renders
}

type Event = temporal.api.history.v1.IHistoryEvent

function endOf(event: Event) {
  return (
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes ??
    event.activityTaskCanceledEventAttributes
  )
}

function nodeOf(identity: string | null | undefined): string {
  return (identity ?? '').split('@')[0] ?? ''
}

function ms({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6
}
