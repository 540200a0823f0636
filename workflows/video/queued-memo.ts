import { orderSamples } from '../chunk-plan.js'
import { analysisRate } from '../order.js'
import { orderNote } from './order-note.js'
import type { VideoInput, VideoMemo } from '../video.js'
import { tokensPerForward, workOf } from '../work.js'

/** The memo of a video that was just accepted: the workflow is started with it, and goes on from it. */
export function queuedMemo({ order, createdAt }: VideoInput): VideoMemo {
  const note = orderNote(order)
  return {
    phase: 'queued',
    prompt: order.parameters.prompt,
    width: order.width,
    height: order.height,
    seconds: orderSamples(order) / analysisRate,
    work: workOf(order),
    tokens: tokensPerForward(order),
    ...(note !== undefined && { note }),
    createdAt,
  }
}
