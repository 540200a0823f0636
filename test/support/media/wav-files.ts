/** Parts of WAV files as programs write them, right or wrong. */

export type Fmt = { tag?: number; channels?: number; rate?: number; bits?: number; mask?: number; guidTag?: number }

export function fmtChunk({ tag = 1, channels = 1, rate = 16_000, bits = 16, mask, guidTag }: Fmt = {}): Buffer {
  const frame = (channels * bits) / 8
  const chunk = Buffer.alloc(mask === undefined ? 16 : 40)
  chunk.writeUInt16LE(mask === undefined ? tag : 0xfffe, 0)
  chunk.writeUInt16LE(channels, 2)
  chunk.writeUInt32LE(rate, 4)
  chunk.writeUInt32LE(rate * frame, 8)
  chunk.writeUInt16LE(frame, 12)
  chunk.writeUInt16LE(bits, 14)
  if (mask !== undefined) {
    chunk.writeUInt16LE(22, 16)
    chunk.writeUInt16LE(bits, 18)
    chunk.writeUInt32LE(mask, 20)
    chunk.writeUInt16LE(guidTag ?? tag, 24)
  }
  return riffChunk('fmt ', chunk)
}

/** `size`: what its header says, whatever there is. */
export function riffChunk(id: string, bytes: Buffer, size = bytes.length): Buffer {
  const head = Buffer.alloc(8)
  head.write(id, 'latin1')
  head.writeUInt32LE(size, 4)
  return Buffer.concat([head, bytes])
}

export function riff(chunks: Buffer[], { id = 'RIFF', size }: { id?: string; size?: number } = {}): Buffer {
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks])
  return riffChunk(id, body, size ?? body.length)
}

/** A tone of 16 bit: what is in it says how much of it is found. */
export function tone(samples: number, { level = 0.5, cycle = 32 } = {}): Buffer {
  const bytes = Buffer.alloc(samples * 2)
  for (let i = 0; i < samples; i++)
    bytes.writeInt16LE(Math.round(level * 32_767 * Math.sin((2 * Math.PI * i) / cycle)), i * 2)
  return bytes
}

/** Floats of 32 bit. */
export function floats(samples: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(samples).buffer)
}
