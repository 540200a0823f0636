const bytesPerSample = 2
/** What ffmpeg writes where it cannot come back to the header: as long as it goes on. Python's `wave` and players take it so. */
const untilTheEnd = 0xffffffff

/** The 44 bytes before so many samples of mono, 16 bit, at `rate` Hz; without `samples`, before as many as come. */
export function wavHeader(rate: number, samples?: number): Buffer {
  const bytes = samples === undefined ? untilTheEnd : samples * bytesPerSample
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'ascii')
  header.writeUInt32LE(samples === undefined ? untilTheEnd : 36 + bytes, 4)
  header.write('WAVEfmt ', 8, 'ascii')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20) // PCM
  header.writeUInt16LE(1, 22) // channels
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * bytesPerSample, 28)
  header.writeUInt16LE(bytesPerSample, 32)
  header.writeUInt16LE(16, 34) // bits
  header.write('data', 36, 'ascii')
  header.writeUInt32LE(bytes, 40)
  return header
}
