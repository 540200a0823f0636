import { analysisRate, type Order, type Reference } from '../order.js'

/** Shorter than anybody hears, in samples: 10 ms. */
const leastTold = analysisRate / 100

/** What is done with an order's files that its owner may not expect, in words for them; undefined when nothing is. ASCII: it travels as a header. */
export function orderNote(order: Pick<Order, 'reference' | 'voices' | 'parameters'>): string | undefined {
  const notes = [voicesNote(order), referenceNote(order.reference)].filter((note) => note !== undefined)
  return notes.length === 0 ? undefined : notes.join('; ')
}

function voicesNote({ voices, parameters }: Pick<Order, 'voices' | 'parameters'>): string | undefined {
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

function referenceNote(reference: Reference): string | undefined {
  if (reference.kind === 'picture') {
    return reference.of === undefined ? undefined : 'the picture is animated: its first frame is used'
  }
  return reference.hdr && hdrNotes[reference.hdr]
}

const mapped = 'the reference video is in HDR: it is brought to SDR'
const hdrNotes = {
  pq: mapped,
  hlg: mapped,
  unmapped: 'the reference video is in HDR and is used as it is, so its colours are pale',
}
