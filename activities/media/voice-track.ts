import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { bytesOnDisk } from '../../infra/sound/file-bytes.js'
import { openSound } from '../../infra/sound/heard-sound.js'
import { integersOf } from '../../infra/sound/wav-samples.js'
import { analysisRate, type StoredFile, type Voice } from '../../workflows/order.js'
import { failure } from '../worker/activity-failure.js'

/** Samples of 16 bit, left and right by turns, without a header. */
export type VoiceTrack = { path: string; rate: number }

type Run = { ffmpegPath: string; signal: AbortSignal; timeoutMs: number }

/**
 * A voice as it was sent, decoded into a file as it was decoded when the order was accepted: whatever is wrong with its header, and
 * whatever no encoder may meet, is dealt with in one place.
 */
export async function voiceTrack(
  store: Pick<ObjectStore, 'get'>,
  voice: Voice,
  path: string,
  run: Run,
): Promise<VoiceTrack> {
  const sent = await download(store, voice, `${path}.sent`, run.signal)
  await using file = await open(sent)
  const sound = { bytes: await bytesOnDisk(file), address: () => sent }
  const { rate, pieces } = await openSound(sound, run, voice.samples / analysisRate + 1)
  await pipeline(pieces, integers, createWriteStream(path), { signal: run.signal })
  await rm(sent)
  return { path, rate }
}

/** The options of one such input. */
export const trackInput = ({ path, rate }: VoiceTrack): string[] => [
  ...['-f', 's16le', '-ar', String(rate), '-ac', '2', '-i', `file:${path}`],
]

async function* integers(pieces: AsyncIterable<Float32Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield new Uint8Array(integersOf(piece).buffer)
}

async function download(
  store: Pick<ObjectStore, 'get'>,
  { key, sha256 }: StoredFile,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const got = await store.get(key, { signal })
  if (got.kind !== 'whole') throw failure('internal', `${key} is not in the storage (${got.kind})`)
  const hash = createHash('sha256')
  await pipeline(got.body, hashing, createWriteStream(path), { signal })
  if (hash.digest('hex') !== sha256) throw failure('internal', `${key} is not in the storage as it was sent`)
  return path

  async function* hashing(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const bytes of body) {
      hash.update(bytes)
      yield bytes
    }
  }
}
