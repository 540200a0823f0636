/** Numbers from a seed, the same ones each time: 0 to `below` - 1. */
export function draw(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const extremes = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff7]

/** A file as hostile or broken programs write it: bytes, lengths and whole stretches of it are others, missing or doubled. */
export function mutated(file: Buffer, seed: number): Buffer {
  const below = draw(seed)
  let bytes = Buffer.from(file)
  for (let count = 1 + below(6); count > 0 && bytes.length > 16; count--) {
    // Half of them near the front, where what decides lies.
    const at = below(below(2) === 0 ? Math.min(bytes.length, 400) : bytes.length)
    const length = 1 + below(below(2) === 0 ? 40 : 600)
    switch (below(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
        break
      case 1:
        bytes.fill([0, 0xff, 0x7f, 0x80][below(4)] ?? 0, at, Math.min(at + 1 + below(4), bytes.length))
        break
      case 2:
        for (let i = at; i < Math.min(at + length, bytes.length); i++) bytes[i] = below(256)
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      case 5:
        bytes = Buffer.from(bytes.subarray(0, Math.max(16, bytes.length - below(bytes.length))))
        break
      case 6:
        bytes.fill(below(2) === 0 ? 0 : 0xff, at, Math.min(at + length, bytes.length))
        break
      case 7: {
        const value = extremes[below(extremes.length)] ?? 0
        if (at + 4 > bytes.length) break
        if (below(2) === 0) bytes.writeUInt32LE(value, at)
        else bytes.writeUInt32BE(value, at)
      }
    }
  }
  return bytes
}
