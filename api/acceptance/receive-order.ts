import { randomInt } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { type Order, orderFormat } from '../../workflows/order.js'
import { type OrderParameters, orderParameters } from '../../workflows/parameters.js'
import { bucketFor, bucketNearest, type Size } from '../../workflows/size-buckets.js'
import type { Received } from './accept-order.js'
import { checkBoxes } from '../media/check-boxes.js'
import { checkMedia } from '../media/check-media.js'
import { readForm } from '../intake/form.js'
import { digestOf } from './idempotency.js'
import type { MediaChecking } from '../media/media-checking.js'
import type { ApiMetrics } from '../http/metrics.js'
import type { Parameters } from '../parameters/parameters.js'
import type { Patience } from '../intake/pour-body.js'
import { Problem } from '../http/problems.js'
import { readParameters } from '../parameters/read-parameters.js'
import { withListener } from './silent-voice.js'
import { inputStorer, type StoredInput } from '../intake/store-input.js'
import type { Upload } from '../intake/upload-places.js'

/** Who sends the order: whether it still does, and the place that its upload has. */
export type Sender = { signal: AbortSignal; upload: Upload }

export type Receiving = {
  store: ObjectStore
  /** See `InputStorage`. */
  heldBytes: number
  patience: Patience
  checking: MediaChecking
  metrics: ApiMetrics
}

/**
 * Receives one order: stores its files while they arrive, checks its parameters, decodes its files.
 * When this rejects, nothing is under way any more, but objects may lie under the video's prefix.
 */
export async function receiveOrder(
  req: IncomingMessage,
  videoId: string,
  { store, heldBytes, patience, checking, metrics }: Receiving,
  { signal: left, upload }: Sender,
): Promise<Received> {
  const signal = AbortSignal.any([left, upload.signal])
  const stop = metrics.uploads.startTimer()
  let outcome: 'stored' | 'refused' = 'refused'
  try {
    const storeFile = inputStorer({ store, videoId, heldBytes })
    const form = await readForm(req, { storeFile, patience, signal, upload })
    metrics.uploadBytes.inc(form.bytes)
    // Parameters before files: they cost nothing to check.
    const parameters = readParameters(form.texts)
    const { reference, voices } = required(form)
    const { audio_type: audioType, background } = parameters
    const inputs = { videoId, reference, voices, audioType, background }
    const chosen = resolved(parameters)
    const media = await withListener(await checkMedia(inputs, checking, signal), chosen, { videoId, store })
    const size = sizeOf(parameters.size, media.reference)
    const order: Order = { format: orderFormat, videoId, ...media, ...size, parameters: chosen }
    checkBoxes(order.parameters.bbox, order.voices.length, order.reference, order)
    signal.throwIfAborted()
    outcome = 'stored'
    return { order, digest: digestOf(parameters, [reference, ...voices]) }
  } finally {
    stop({ outcome })
  }
}

function required({ reference, voices }: { reference: StoredInput | undefined; voices: StoredInput[] }) {
  if (reference === undefined) {
    throw new Problem('missing_parameter', "the file 'input_reference' (a picture or a video) is missing", {
      param: 'input_reference',
    })
  }
  if (voices.length === 0) {
    throw new Problem('missing_parameter', "the file 'audio' (one or two voices) is missing", { param: 'audio' })
  }
  return { reference, voices }
}

/** The order's own of the form's parameters; what they leave open is settled here. */
export function resolved(parameters: Parameters): OrderParameters {
  const seed = parameters.seed === -1 ? randomInt(0, 2 ** 32) : parameters.seed
  return { ...orderParameters.parse(parameters), seed }
}

/** Width and height of the render, for what was asked and the reference's shape. */
export function sizeOf(asked: string | undefined, reference: Size): Size {
  if (asked === undefined || asked === '480p' || asked === '720p') return bucketFor(asked ?? '480p', reference)
  const [width = 0, height = 0] = asked.split('x').map(Number)
  return bucketNearest({ width, height })
}
