import { randomInt } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { ObjectStore } from '../infra/object-store.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { Order } from '../workflows/order.js'
import { bucketFor, bucketNearest, type Size } from '../workflows/size-buckets.js'
import type { Received } from './accept-order.js'
import { checkBoxes } from './check-boxes.js'
import { checkMedia } from './check-media.js'
import { readForm } from './form.js'
import { digestOf } from './idempotency.js'
import type { MediaChecking } from './media-checking.js'
import type { ApiMetrics } from './metrics.js'
import type { Parameters } from './parameters.js'
import type { Patience } from './pour-body.js'
import { Problem, unavailable } from './problems.js'
import { readParameters } from './read-parameters.js'
import { inputStorer, type StoredInput } from './store-input.js'
import { within } from './within.js'

const smallObjectMs = 4_000

export type Receiving = {
  store: ObjectStore
  patience: Patience
  checking: MediaChecking
  metrics: ApiMetrics
}

/**
 * Receives one order: stores its files while they arrive, checks its parameters, decodes its files, stores the order itself.
 * When this rejects, nothing is under way any more, but objects may lie under the video's prefix.
 */
export async function receiveOrder(
  req: IncomingMessage,
  videoId: string,
  { store, patience, checking, metrics }: Receiving,
  signal: AbortSignal,
): Promise<Received> {
  const stop = metrics.uploads.startTimer()
  let outcome: 'stored' | 'refused' = 'refused'
  try {
    const form = await readForm(req, { storeFile: inputStorer(store, videoId), patience, signal })
    metrics.uploadBytes.inc(form.bytes)
    // Parameters before files: they cost nothing to check.
    const parameters = readParameters(form.texts)
    const { reference, voices } = required(form)
    const media = await checkMedia({ reference, voices, voiceMode: parameters.audio_type }, checking, signal)
    const order: Order = { videoId, ...media, ...chosen(parameters, media.reference) }
    checkBoxes(order.boxes, order.voices.length, order.reference, order)
    const body = JSON.stringify(order)
    await within(smallObjectMs, () =>
      store.put(objectKeys.order(videoId), body, { contentType: 'application/json' }),
    ).catch((e: unknown) => {
      throw unavailable('the object store', e)
    })
    signal.throwIfAborted()
    outcome = 'stored'
    return { order, digest: digestOf(parameters, media) }
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

/** The order's own words for the contract's parameters, with what they leave open resolved. */
function chosen(parameters: Parameters, reference: Size): Omit<Order, 'videoId' | 'reference' | 'voices'> {
  return {
    prompt: parameters.prompt,
    negativePrompt: parameters.negative_prompt,
    preset: parameters.preset,
    voiceMode: parameters.audio_type,
    boxes: parameters.bbox ?? [],
    fps: parameters.fps,
    steps: parameters.steps,
    shift: parameters.shift,
    textGuide: parameters.guide_scale,
    audioGuide: parameters.audio_guide_scale,
    seed: parameters.seed === -1 ? randomInt(0, 2 ** 32) : parameters.seed,
    ...sizeOf(parameters.size, reference),
    logo: parameters.logo_video,
  }
}

/** Width and height of the render, for what was asked and the reference's shape. */
export function sizeOf(asked: string | undefined, reference: Size): Size {
  if (asked === undefined || asked === '480p' || asked === '720p') return bucketFor(asked ?? '480p', reference)
  const [width = 0, height = 0] = asked.split('x').map(Number)
  return bucketNearest({ width, height })
}
