import { z } from 'zod'
import type { Order__Output as Order } from '../generated/text2video/runner/v1/Order.js'
import { invalid } from '../contract/rpc-error.js'
import { fromStruct, type JsonObject } from '../contract/struct.js'

/** An order whose own fields are right; its settings are checked by the ranks (`pipeline/order.py`). */
export type CheckedOrder = { name: JobName; order: JobOrder }

/** What a job is rendered from: `settings` are the ranks' alone, and pass through. */
export type JobOrder = z.infer<typeof jobOrder>

/** Names a job for ever: a job is never rendered twice under the same pair. */
export type JobName = z.infer<typeof jobName>

/** The id names a folder: nothing else may be in it. */
const jobName = z.object({ jobId: z.string().regex(/^[a-z0-9_]{1,64}$/), generation: z.int().min(1) })

export const jobOrder = z.object({
  preset: z.string().regex(/^[a-z0-9-]{1,32}$/),
  firstChunk: z.int().min(0).max(1_000_000),
  settings: z.record(z.string(), z.json()),
})

/** Two texts of 4,000 characters, each escaped by six bytes at most, and room for the rest. */
const settingsBytes = 64 * 1024

/** Throws INVALID_ARGUMENT that names every wrong field. */
export function checkOrder(submitted: Order): CheckedOrder {
  const name = jobName.safeParse(submitted)
  const order = jobOrder.safeParse({ ...submitted, settings: readSettings(submitted) })
  const errors = [name, order].flatMap(({ error }) => error?.issues ?? [])
  if (!name.success || !order.success) throw invalid(`the order is wrong: ${z.prettifyError({ issues: errors })}`)
  return { name: name.data, order: order.data }
}

function readSettings({ settings }: Order): JsonObject {
  let read: JsonObject
  try {
    read = fromStruct(settings)
  } catch (error) {
    throw invalid(`the settings are wrong: ${error instanceof Error ? error.message : String(error)}`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(read))
  if (bytes > settingsBytes) throw invalid(`the settings have ${bytes} bytes; ${settingsBytes} are taken`)
  return read
}
