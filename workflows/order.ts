import type { OrderParameters } from './parameters.js'

/** What a client asks for, checked, resolved and stored: the argument of everything that follows. */
export type Order = {
  format: typeof orderFormat
  videoId: string
  reference: Reference
  /** One or two, in the order in which they were sent. */
  voices: Voice[]
  /** Of the rendered picture, in pixels: a bucket of `size-buckets.ts`. */
  width: number
  height: number
  /** As they were given, or their defaults; the seed is chosen: 0 to 2^32 − 1, never −1. */
  parameters: OrderParameters
}

/** The number of this shape, in `order.json` (`infra/files/stored-format.ts`). */
export const orderFormat = 1

/** An uploaded file as it lies in S3. */
export type StoredFile = { key: string; bytes: number; sha256: string }

export type Reference = StoredFile & { kind: 'picture' | 'video'; width: number; height: number }

/** A voice as it was sent: what the finished file's sound is made of, in its quality and with its channels. */
export type Voice = StoredFile & {
  /** At 16 kHz, counted when it was decoded: the one truth for its length. */
  samples: number
  /** Nothing of it is heard: its person only listens. */
  isSilent?: true
  /** What the ranks read: a WAV of 16 kHz, mono, 16 bit, made when the voice was checked. Its header leaves the length open. */
  analysis: StoredFile
}

/** Samples per second of the analysis signal (wav2vec2's rate). */
export const analysisRate = 16_000
