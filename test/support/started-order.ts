import type { Client } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import type { Order } from '../../workflows/order.js'
import type { VideoInput } from '../../workflows/video.js'

/** The order that a video's workflow was started with. */
export async function startedOrder(client: Client, id: string): Promise<Order> {
  const { events } = await client.workflow.getHandle(id).fetchHistory()
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]
  if (input == null) throw new Error(`${id} was started without an order`)
  return defaultPayloadConverter.fromPayload<VideoInput>(input).order
}
