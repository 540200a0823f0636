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

/** Width and height in pixels as displayed: what boxes are drawn in. */
export type Reference = StoredFile & { width: number; height: number } & (Picture | Film)

/** What was made of the picture that was sent: a PNG, upright, 8-bit RGB, sRGB. `of` an animation it is the first frame. */
export type Picture = { kind: 'picture'; of?: 'animation' }

/** A film as it was sent, with what was seen of it when it was accepted; it is made ready when its turn comes. */
export type Film = {
  kind: 'video'
  /** When its first frame that decodes is shown, on the film's own clock, in seconds; 0 where this is not said. */
  start?: number
  /** The transfer function of a film in HDR. `unmapped`: it is shown as it is, since this ffmpeg brings no film to SDR. */
  hdr?: 'pq' | 'hlg' | 'unmapped'
  /** There where its pixels are see-through: the decoder that gives their alpha, `native` where ffmpeg's own one does. */
  seeThrough?: 'libvpx' | 'libvpx-vp9' | 'native'
}

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
