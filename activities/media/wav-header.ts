import { analysisRate } from '../../workflows/order.js'

/** The 44 bytes before so many samples of 16 kHz mono, 16 bit. ffmpeg cannot know the length when it writes to a pipe. */
export function wavHeader(samples: number): Buffer {
  const bytesPerSample = 2
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'ascii')
  header.writeUInt32LE(36 + samples * bytesPerSample, 4)
  header.write('WAVEfmt ', 8, 'ascii')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20) // PCM
  header.writeUInt16LE(1, 22) // channels
  header.writeUInt32LE(analysisRate, 24)
  header.writeUInt32LE(analysisRate * bytesPerSample, 28)
  header.writeUInt16LE(bytesPerSample, 32)
  header.writeUInt16LE(16, 34) // bits
  header.write('data', 36, 'ascii')
  header.writeUInt32LE(samples * bytesPerSample, 40)
  return header
}
