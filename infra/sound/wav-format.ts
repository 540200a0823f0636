/** How the samples of a WAV are written down; `left` and `right`: how much of each channel is heard on either side. */
export type WavFormat = {
  coding: 'integer' | 'float' | 'alaw' | 'mulaw'
  /** Of one sample of one channel. */
  bytes: number
  channels: number
  rate: number
  /** Of one sample of all channels. */
  frameBytes: number
  left: number[]
  right: number[]
}

/** A coding that is not read here, by its number in the header. */
export type OtherWav = { tag: number }

const pcm = 1
const float = 3
const alaw = 6
const mulaw = 7
const extensible = 0xfffe

const mostChannels = 64
const rates = { least: 1_000, most: 768_000 }

/** Reads a `fmt ` chunk; undefined where it makes no sense. */
export function wavFormat(chunk: Buffer): WavFormat | OtherWav | undefined {
  if (chunk.length < 14) return undefined
  const isExtensible = chunk.readUInt16LE(0) === extensible && chunk.length >= 26
  const tag = chunk.readUInt16LE(isExtensible ? 24 : 0)
  const channels = chunk.readUInt16LE(2)
  const rate = chunk.readUInt32LE(4)
  if (channels < 1 || channels > mostChannels || rate < rates.least || rate > rates.most) return undefined
  const bits = chunk.length >= 16 ? chunk.readUInt16LE(14) : 8
  const coding = codingOf(tag, bits)
  if (coding === undefined) return { tag }
  const align = chunk.readUInt16LE(12)
  // 20 bits lie in 24, and 24 may lie in 32: what a frame takes says which.
  const packed = Math.ceil(bits / 8)
  const bytes = align % channels === 0 && align / channels >= packed ? align / channels : packed
  if (!widths[coding].includes(bytes)) return { tag }
  const mask = isExtensible ? chunk.readUInt32LE(20) : 0
  return { coding, bytes, channels, rate, frameBytes: bytes * channels, ...sides(channels, mask) }
}

const widths = { integer: [1, 2, 3, 4], float: [4, 8], alaw: [1], mulaw: [1] }

function codingOf(tag: number, bits: number): WavFormat['coding'] | undefined {
  if (tag === pcm) return bits >= 1 && bits <= 32 ? 'integer' : undefined
  if (tag === float) return bits === 32 || bits === 64 ? 'float' : undefined
  if (tag === alaw) return 'alaw'
  return tag === mulaw ? 'mulaw' : undefined
}

/** Speakers in the order of the header's mask: front left, front right, centre, low frequencies, back, … */
const heardAt: readonly (readonly [left: number, right: number])[] = (() => {
  const half = Math.SQRT1_2
  const [l, r, both, backLeft, backRight, back] = [
    [1, 0],
    [0, 1],
    [1, 1],
    [half, 0],
    [0, half],
    [half, half],
  ] as const
  const low = [0, 0] as const
  return [l, r, both, low, backLeft, backRight, l, r, back, backLeft, backRight]
})()

/** What the mask is where a header has none, by the number of channels, as players take it. */
const usualMasks = [0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3f, 0x13f, 0x63f]

function sides(channels: number, given: number): Pick<WavFormat, 'left' | 'right'> {
  const mask = given === 0 ? (usualMasks[channels] ?? 0) : given
  const speakers = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1)
  // More channels than speakers, as microphones in a row have: each is heard in the middle.
  const heard = Array.from({ length: channels }, (_, i) => heardAt[speakers[i] ?? -1] ?? ([1, 1] as const))
  // One channel alone is heard on both sides, whatever its place is called.
  const only = channels === 1 ? [[1, 1] as const] : heard
  return { left: only.map(([left]) => left), right: only.map(([, right]) => right) }
}
