import { createPrepareActivities } from '../../../activities/media/prepare.js'
import { MockActivityEnvironment } from '@temporalio/testing'
import { checkReference } from '../../../api/media/check-media.js'
import { Problem } from '../../../api/http/problems.js'
import { Slots } from '../../../infra/program/slots.js'
import { inputStorer } from '../../../api/intake/store-input.js'
import type { Reference, StoredFile } from '../../../workflows/order.js'
import type { OrderParameters } from '../../../workflows/parameters.js'
import { anAcceptedOrder } from '../api/an-order.js'
import { ffmpegPath, toneWav } from '../api/api-media.js'
import { MemoryObjectStore } from '../faults/memory-object-store.js'

/** A reference that was accepted and made ready: what the ranks read, and what lies in the store besides. */
export type TakenReference = { reference: Reference; made: Buffer; stored: string[] }

export type TakingOptions = Partial<Pick<OrderParameters, 'background' | 'fps'>> & {
  heldBytes?: number
  /** Seconds of voice. */
  seconds?: number
}

const videoId = 'video_1700000000_reference0'

/** A reference, as a client's bytes, through the doors of the API and of the media worker. */
export async function takeReference(sent: Buffer, options: TakingOptions = {}): Promise<TakenReference> {
  const { background = '#ffffff', heldBytes = 1_000_000, fps = 24, seconds = 2 } = options
  await using store = await MemoryObjectStore.start()
  const { signal } = new AbortController()
  const checking = { store, ffmpegPath: ffmpegPath(), maxSeconds: 100, slots: new Slots(2) }
  const save = inputStorer({ store, videoId, heldBytes })
  async function* body(bytes: Buffer) {
    yield await Promise.resolve(bytes)
  }
  const input = await save({ kind: 'reference' }, body(sent), signal)
  const reference = await checkReference(input, { videoId, background, signal }, checking)
  const { key } =
    reference.kind === 'picture' ? reference : await madeReady(store, reference, { background, fps, seconds })
  const made = store.objects.get(key)
  if (made === undefined) throw new Error(`${key} is not in the store`)
  return { reference, made, stored: [...store.objects.keys()].filter((key) => !/voice|audio/.test(key)) }
}

/** A film as the media worker makes it ready. */
async function madeReady(
  store: MemoryObjectStore,
  reference: Reference,
  { seconds, ...parameters }: { seconds: number; background: string; fps: number },
): Promise<StoredFile> {
  const order = anAcceptedOrder(videoId, { reference, ...parameters })
  const [voice] = order.voices
  if (voice === undefined) throw new Error('an order has a voice')
  voice.samples = Math.round(seconds * 16_000)
  await store.put(voice.key, toneWav(seconds))
  const { prepare } = createPrepareActivities({ store, ffmpegPath: ffmpegPath() })
  return await new MockActivityEnvironment().run(prepare, order)
}

/** What a client is told of a reference that is not taken. */
export async function refusedReference(sent: Buffer): Promise<string> {
  try {
    await takeReference(sent)
  } catch (error) {
    if (error instanceof Problem && error.param === 'input_reference') return error.message
    throw error
  }
  throw new Error('the reference was taken')
}
