import type { ObjectStore } from '../../infra/s3/object-store.js'
import { wavHeader } from '../../infra/sound/wav-header.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { analysisRate, type Order, type StoredFile, type Voice } from '../../workflows/order.js'
import type { OrderParameters } from '../../workflows/parameters.js'
import { unavailable } from '../http/problems.js'
import { sha256 } from './idempotency.js'

type Media = Pick<Order, 'reference' | 'voices'>

/** Long enough to be taken for a voice; the shorter of two is followed by silence as it is. */
const seconds = 0.4

/**
 * One voice and two boxes at once (`audio_type=para`): the second person only listens. Their voice is silence of ours, so that all that
 * follows has two people with a voice each.
 */
export async function withListener(
  media: Media,
  { audio_type, bbox }: Pick<OrderParameters, 'audio_type' | 'bbox'>,
  { videoId, store }: { videoId: string; store: Pick<ObjectStore, 'put'> },
): Promise<Media> {
  if (audio_type !== 'para' || media.voices.length !== 1 || bbox.length !== 2) return media
  const samples = seconds * analysisRate
  const wav = Buffer.concat([wavHeader(analysisRate, samples), Buffer.alloc(samples * 2)])
  const stored = async (key: string): Promise<StoredFile> => {
    await store.put(key, wav, { contentType: 'audio/wav' }).catch((error: unknown) => {
      throw unavailable('the object store', error)
    })
    return { key, bytes: wav.length, sha256: sha256(wav) }
  }
  const [file, analysis] = await Promise.all([
    stored(objectKeys.voice(videoId, 1, 'wav')),
    stored(objectKeys.preparedVoice(videoId, 1)),
  ])
  const listener: Voice = { ...file, samples, isSilent: true, analysis }
  return { ...media, voices: [...media.voices, listener] }
}
