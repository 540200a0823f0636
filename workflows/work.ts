import { chunkPlan, orderFrames } from './chunk-plan.js'
import type { Order } from './order.js'
import type { OrderParameters } from './parameters.js'

/** Forward passes of the model per step: 3 with both guidances, 2 with one of them at 1, 1 with both (the ranks' `Sampling.passes`). */
export function guidancePasses(parameters: Pick<OrderParameters, 'guide_scale' | 'audio_guide_scale'>): number {
  if (parameters.guide_scale !== 1) return 3
  return parameters.audio_guide_scale !== 1 ? 2 : 1
}

/** Tokens of one forward pass: latent frames × (16 × 16 pixel) patches. */
export function tokensOf(frames: number, width: number, height: number): number {
  return ((frames - 1) / 4 + 1) * (width / 16) * (height / 16)
}

/**
 * Work of an order before it runs, in forward-tokens: steps × passes × the tokens of all chunks. Nodes measure how many
 * they do per second; estimates are the one divided by the other.
 */
export function workOf(order: Order): number {
  const { chunks, framesPerChunk, lastFrames } = chunkPlan(orderFrames(order))
  const tokens = (frames: number) => tokensOf(frames, order.width, order.height)
  return (
    order.parameters.steps *
    guidancePasses(order.parameters) *
    ((chunks - 1) * tokens(framesPerChunk) + tokens(lastFrames))
  )
}

/** Tokens of one forward pass of an order, in a full chunk. */
export function tokensPerForward(order: Order): number {
  return tokensOf(chunkPlan(orderFrames(order)).framesPerChunk, order.width, order.height)
}
