import { soundSamples } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { analysisRate, type Reference, type Voice } from '../../workflows/order.js'
import type { AudioType } from '../../workflows/parameters.js'
import { keepPicture } from './picture/check-picture.js'
import { checkFilm } from './film/check-film.js'
import { checkVoice } from './voice/check-voice.js'
import type { MediaChecking, ReferenceChecking } from './media-checking.js'
import { Problem } from '../http/problems.js'
import type { StoredInput } from '../intake/store-input.js'

/** What was sent, and what of the parameters concerns it. */
export type MediaInputs = Omit<ReferenceChecking, 'signal'> & {
  reference: StoredInput
  voices: StoredInput[]
  audioType: AudioType
}

/**
 * Decodes what was sent, once, and stores what the ranks read of it; returns both with what an order must know. Anything unfit is a
 * Problem that names its parameter.
 */
export async function checkMedia(
  inputs: MediaInputs,
  checking: MediaChecking,
  signal: AbortSignal,
): Promise<{ reference: Reference; voices: Voice[] }> {
  // A person who only listens, beside one who speaks.
  const maySilent = inputs.audioType === 'para' && inputs.voices.length > 1
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const inSlot = async <T>(check: () => Promise<T>): Promise<T> => {
    try {
      using _slot = await checking.slots.wait(stop)
      return await check()
    } catch (error) {
      failed.abort(error) // the others need not go on
      throw error
    }
  }
  const [reference, ...voices] = await allEnded([
    inSlot(() => checkReference(inputs.reference, { ...inputs, signal: stop }, checking)),
    ...inputs.voices.map((voice, i) =>
      inSlot(() => checkVoice({ voice, key: objectKeys.preparedVoice(inputs.videoId, i), maySilent }, checking, stop)),
    ),
  ] as [Promise<Reference>, ...Promise<Voice>[]]).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : (failed.signal.reason ?? error)
  })
  if (voices.every((voice) => voice.isSilent)) {
    throw new Problem('invalid_file', "every voice in 'audio' is silent: somebody must speak", { param: 'audio' })
  }
  const total = soundSamples(
    voices.map((voice) => voice.samples),
    inputs.audioType,
  )
  if (total > checking.maxSeconds * analysisRate) {
    const seconds = (total / analysisRate).toFixed(1)
    throw new Problem(
      'invalid_file',
      `the voices together are ${seconds} s long; the most is ${checking.maxSeconds} s`,
      {
        param: 'audio',
      },
    )
  }
  return { reference, voices }
}

/** Like Promise.all, but rejects only when nothing is running any more: what they read can then be removed. */
async function allEnded<T extends readonly unknown[]>(running: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(running)
  return (await Promise.all(running)) as unknown as T
}

/** What an order must know of its reference. */
export function checkReference(
  input: StoredInput,
  wanted: ReferenceChecking,
  checking: MediaChecking,
): Promise<Reference> {
  switch (input.kind) {
    case 'picture':
      return keepPicture(input, wanted, checking)
    case 'video':
      return checkFilm(input, wanted, checking)
    case 'voice':
      throw new Error('a voice was stored as the reference')
  }
}
