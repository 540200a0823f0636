/** What a client asks for, checked, resolved and stored: the argument of everything that follows. */
export type Order = {
  videoId: string
  /** '' when there is none; up to 4,000 characters. */
  prompt: string
  /** What is guided away from: the published one unless another was asked for; up to 4,000 characters. */
  negativePrompt: string
  /** Which weights render: those as published, or distilled for few steps. What else it stands for is in the fields below. */
  preset: Preset
  reference: Reference
  /** One or two, in the order in which they were sent. */
  voices: Voice[]
  /** Two voices: `add` one after the other, `para` both at once (the shorter padded with silence). */
  voiceMode: VoiceMode
  /** Where each voice's person is, in the voices' order; empty: two people own the left and the right half. */
  boxes: Box[]
  /** Frames per second of the finished file, 8–60. */
  fps: number
  steps: number
  shift: number
  textGuide: number
  audioGuide: number
  /** Resolved: 0 to 2^32 − 1, never −1. */
  seed: number
  /** Of the rendered picture, in pixels: a bucket of `size-buckets.ts`. */
  width: number
  height: number
  /** Append the closing clip. */
  logo: boolean
}

export type VoiceMode = 'add' | 'para'

/** The weights that a video can ask for; a node offers those that it has. */
export const presets = ['quality', 'fast', 'turbo'] as const
export type Preset = (typeof presets)[number]

/** A rectangle in pixels of the reference as it is displayed; x and y of its upper left corner. */
export type Box = { x: number; y: number; width: number; height: number }

/** An uploaded file as it lies in S3. */
export type StoredFile = { key: string; bytes: number; sha256: string }

export type Reference = StoredFile & { kind: 'picture' | 'video'; width: number; height: number }

/** `samples` at 16 kHz, mono, counted after decoding: the one truth for a voice's length. */
export type Voice = StoredFile & { samples: number }

/** Samples per second of the analysis signal (wav2vec2's rate). */
export const analysisRate = 16_000
