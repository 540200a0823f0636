import { createPrepareActivities } from '../../activities/media/prepare.js'
import { MockActivityEnvironment } from '@temporalio/testing'
import { checkMedia } from '../../api/media/check-media.js'
import { Problem } from '../../api/http/problems.js'
import { Slots } from '../../api/intake/slots.js'
import { inputStorer } from '../../api/intake/store-input.js'
import type { Prepared } from '../../workflows/video/video-activities.js'
import type { Reference } from '../../workflows/order.js'
import type { OrderParameters } from '../../workflows/parameters.js'
import { anAcceptedOrder } from './an-order.js'
import { ffmpegPath, toneWav } from './api-media.js'
import { MemoryObjectStore } from './memory-object-store.js'

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
  const inputs = {
    ...{ videoId, background, audioType: 'add' as const },
    reference: await save({ kind: 'reference' }, body(sent), signal),
    voices: [await save({ kind: 'voice', index: 0 }, body(toneWav(seconds)), signal)],
  }
  const { reference, voices } = await checkMedia(inputs, checking, signal)
  const order = anAcceptedOrder(videoId, { reference, voices, fps, background })
  const { prepare } = createPrepareActivities({ store, ffmpegPath: ffmpegPath() })
  const { reference: prepared } = (await new MockActivityEnvironment().run(prepare, order)) as Prepared
  const made = store.objects.get(prepared.key)
  if (made === undefined) throw new Error(`${prepared.key} is not in the store`)
  return { reference, made, stored: [...store.objects.keys()].filter((key) => !/voice|audio/.test(key)) }
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
