import type { WavFormat } from './wav-format.js'

/**
 * Samples as they lie in a file to left and right by turns, within ±1. What is no number, or infinite, is silence; what is beyond
 * full scale is cut: nobody who hears the sound meets either. Whole frames only.
 */
export function stereoOf(bytes: Buffer, format: WavFormat): Float32Array<ArrayBuffer> {
  const { channels, left, right } = format
  const frames = Math.floor(bytes.length / format.frameBytes)
  const samples = samplesOf(bytes.subarray(0, frames * format.frameBytes), format)
  const stereo = new Float32Array(frames * 2)
  if (channels <= 2 && left[0] === 1 && right[channels - 1] === 1) {
    const second = channels - 1
    for (let i = 0, at = 0; i < stereo.length; i += 2, at += channels) {
      stereo[i] = samples[at] as number
      stereo[i + 1] = samples[at + second] as number
    }
    return cleaned(stereo)
  }
  cleaned(samples)
  for (let i = 0, at = 0; i < stereo.length; i += 2) {
    let [l, r] = [0, 0]
    for (let channel = 0; channel < channels; channel++, at++) {
      const sample = samples[at] as number
      l += sample * (left[channel] as number)
      r += sample * (right[channel] as number)
    }
    stereo[i] = l
    stereo[i + 1] = r
  }
  return cleaned(stereo)
}

/** In place. */
export function cleaned<T extends Float32Array>(samples: T): T {
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] as number
    if (sample >= -1 && sample <= 1) continue
    samples[i] = Number.isFinite(sample) ? Math.sign(sample) : 0
  }
  return samples
}

/** As 16 bit. */
export function integersOf(samples: Float32Array): Int16Array<ArrayBuffer> {
  // Loops here and below: `from` with a function takes ten times as long.
  const integers = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    integers[i] = Math.max(-32_768, Math.min(32_767, Math.round((samples[i] as number) * 32_768)))
  }
  return integers
}

/** Every sample as a number, full scale ±1. Node runs on little-endian machines alone, and so is WAV. */
function samplesOf(bytes: Buffer, { coding, bytes: width }: WavFormat): Float32Array {
  switch (coding) {
    case 'integer':
      return integers(bytes, width)
    case 'float':
      return width === 4 ? new Float32Array(aligned(bytes, 4)) : Float32Array.from(new Float64Array(aligned(bytes, 8)))
    case 'alaw':
      return levels(bytes, alawLevels)
    case 'mulaw':
      return levels(bytes, mulawLevels)
  }
}

function integers(bytes: Buffer, width: number): Float32Array {
  const samples = new Float32Array(bytes.length / width)
  if (width === 1) for (let i = 0; i < samples.length; i++) samples[i] = ((bytes[i] as number) - 128) / 128
  else if (width === 2) scale(samples, new Int16Array(aligned(bytes, 2)), 2 ** 15)
  else if (width === 4) scale(samples, new Int32Array(aligned(bytes, 4)), 2 ** 31)
  else {
    for (let i = 0, at = 0; i < samples.length; i++, at += 3) {
      const high = (bytes[at + 2] as number) << 24
      samples[i] = (high | ((bytes[at + 1] as number) << 16) | ((bytes[at] as number) << 8)) / 2 ** 31
    }
  }
  return samples
}

function levels(bytes: Buffer, table: Float32Array): Float32Array {
  const samples = new Float32Array(bytes.length)
  for (let i = 0; i < samples.length; i++) samples[i] = table[bytes[i] as number] as number
  return samples
}

function scale(samples: Float32Array, integers: Int16Array | Int32Array, full: number): void {
  for (let i = 0; i < samples.length; i++) samples[i] = (integers[i] as number) / full
}

/** A copy: views need their bytes aligned, and a piece of a file may begin anywhere. */
function aligned(bytes: Buffer, width: number): ArrayBuffer {
  const whole = bytes.length - (bytes.length % width)
  return new Uint8Array(bytes.subarray(0, whole)).buffer
}

/** G.711: each byte's level, of 16 bits. */
const alawLevels = Float32Array.from({ length: 256 }, (_, byte) => {
  const bits = byte ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const level = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return ((bits & 0x80) === 0 ? -level : level) / 2 ** 15
})
const mulawLevels = Float32Array.from({ length: 256 }, (_, byte) => {
  const bits = ~byte & 0xff
  const level = ((((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84
  return ((bits & 0x80) === 0 ? level : -level) / 2 ** 15
})
