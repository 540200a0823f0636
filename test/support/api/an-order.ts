import { type Order, orderFormat } from '../../../workflows/order.js'
import { type OrderParameters, orderParameters } from '../../../workflows/parameters.js'

/** What a test changes of an order: parameters by their names, beside the order's own fields. */
export type OrderChanges = Partial<OrderParameters & Omit<Order, 'parameters'>>

/** A valid order, which all tests start from: two chunks at 25 frames per second. */
export function anAcceptedOrder(videoId: string, changes: OrderChanges = {}): Order {
  const file = { bytes: 10, sha256: 'ab' }
  const usual = { prompt: 'a person | talks', negative_prompt: 'blurred', fps: 25, steps: 10, audio_guide_scale: 4 }
  const own = Object.entries(changes).filter(([name]) => !(name in orderParameters.shape))
  return {
    format: orderFormat,
    videoId,
    reference: { ...file, key: `videos/${videoId}/input/reference.png`, kind: 'picture', width: 640, height: 640 },
    voices: [
      {
        ...{ ...file, key: `videos/${videoId}/input/audio-1.wav`, samples: 64_000 },
        analysis: { ...file, key: `videos/${videoId}/prepared/voice-1.wav` },
      },
    ],
    width: 640,
    height: 640,
    ...(Object.fromEntries(own) as Partial<Order>),
    parameters: orderParameters.parse({ ...usual, ...changes }),
  }
}
