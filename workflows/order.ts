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

/** `samples` at 16 kHz, mono, counted after decoding: the one truth for a voice's length. */
export type Voice = StoredFile & { samples: number }

/** Samples per second of the analysis signal (wav2vec2's rate). */
export const analysisRate = 16_000
