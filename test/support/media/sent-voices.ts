import assert from 'node:assert/strict'
import { Problem } from '../../../api/http/problems.js'
import { Slots } from '../../../infra/program/slots.js'
import { inputStorer } from '../../../api/intake/store-input.js'
import { checkMedia } from '../../../api/media/check-media.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import type { Voice } from '../../../workflows/order.js'
import type { AudioType } from '../../../workflows/parameters.js'
import { ffmpegPath, picture } from '../api/api-media.js'
import { MemoryObjectStore } from '../faults/memory-object-store.js'

const png = await picture('png')

export type SentVoices = {
  voices: Voice[]
  /** Of each voice, what the ranks read: samples of 16 kHz, full scale 1. */
  signals: number[][]
}

/** Sends voices as a form does, in pieces, has them checked, and returns what becomes of them. Rejects as the API refuses. */
export async function sendVoices(files: Buffer[], audioType: AudioType = 'add', maxSeconds = 30): Promise<SentVoices> {
  await using store = await MemoryObjectStore.start()
  const { signal } = new AbortController()
  const save = inputStorer({ store, videoId: 'video_1', heldBytes: 1_000_000 })
  const checking = { store, ffmpegPath: ffmpegPath(), maxSeconds, slots: new Slots(2) }
  const voices = await Promise.all(files.map((bytes, index) => save({ kind: 'voice', index }, pieces(bytes), signal)))
  const reference = await save({ kind: 'reference' }, pieces(png), signal)
  const inputs = { videoId: 'video_1', reference, voices, audioType, background: '#ffffff' }
  const checked = await checkMedia(inputs, checking, signal).catch((error: unknown) => {
    const made = [...store.objects.keys()].filter((key) => key.startsWith(`${objectKeys.prepared('video_1')}voice`))
    // With two voices, the other one may have been sound.
    if (files.length === 1) assert.deepEqual(made, [])
    assert.equal(store.uploading, 0)
    throw error
  })
  const signals = checked.voices.map(({ analysis: { key, bytes } }) => {
    const wav = store.objects.get(key) ?? Buffer.alloc(0)
    assert.equal(wav.length, bytes)
    return Array.from({ length: (wav.length - 44) / 2 }, (_, i) => wav.readInt16LE(44 + 2 * i) / 32_768)
  })
  for (const [i, { samples }] of checked.voices.entries()) assert.equal(signals[i]?.length, samples)
  return { voices: checked.voices, signals }
}

/** What a sender is told whose voices are refused. */
export async function refusalOf(files: Buffer[], audioType: AudioType = 'add', maxSeconds = 30): Promise<string> {
  try {
    await sendVoices(files, audioType, maxSeconds)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.type, 'invalid_file', String(error.cause))
    assert.equal(error.param, 'audio')
    return error.message
  }
  throw new assert.AssertionError({ message: 'the voices were accepted' })
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield await Promise.resolve(bytes.subarray(at, at + 10_000))
}
