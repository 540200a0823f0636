import { analysisRate, type Order } from '../order.js'

/** Shorter than anybody hears, in samples: 10 ms. */
const leastTold = analysisRate / 100

/** What is done with an order's voices that its owner may not expect, in words for them; undefined when nothing is. ASCII: it travels as a header. */
export function orderNote({ voices, parameters }: Pick<Order, 'voices' | 'parameters'>): string | undefined {
  if (parameters.audio_type !== 'para') return undefined
  const listener = voices.findIndex((voice) => voice.isSilent) + 1
  // Its length is nobody's concern where the other voice is longer.
  if (listener > 0) return `voice ${listener} is silent: person ${listener} only listens`
  const longest = Math.max(...voices.map((voice) => voice.samples))
  const longer = voices.findIndex((voice) => voice.samples === longest) + 1
  for (const [i, { samples }] of voices.entries()) {
    const missing = longest - samples
    if (missing < leastTold) continue
    const seconds = (missing / analysisRate).toFixed(2)
    return `voice ${i + 1} is ${seconds} s shorter than voice ${longer} and is followed by as much silence`
  }
  return undefined
}
