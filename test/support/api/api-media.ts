import { execFileSync } from 'node:child_process'
import sharp from 'sharp'
import { wavHeader } from '../../../infra/sound/wav-header.js'

/** The ffmpeg of the stack under test, else of the environment. */
export function ffmpegPath(): string {
  const stack = process.env['TEST_STACK']
  return stack === undefined
    ? (process.env['FFMPEG_PATH'] ?? 'ffmpeg')
    : (JSON.parse(stack) as { ffmpegPath: string }).ffmpegPath
}

/** A WAV of a tone: 16 kHz, mono, 16 bits. */
export function toneWav(seconds: number, level = 0.5): Buffer {
  const samples = Math.round(seconds * 16_000)
  const sound = Buffer.alloc(samples * 2)
  for (let i = 0; i < samples; i++) sound.writeInt16LE(Math.round(level * 32767 * Math.sin(i * 0.17)), i * 2)
  return Buffer.concat([wavHeader(16_000, samples), sound])
}

/** A picture of noise, so that its bytes do not shrink to nothing. */
export function picture(format: 'png' | 'jpeg' | 'webp', width = 96, height = 128): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const
  return sharp({ create: { width, height, channels: 3, background: 'grey', noise } })
    .toFormat(format)
    .toBuffer()
}

/** Runs ffmpeg on ready-made options and gives back what it writes to `pipe:1`. */
export function ffmpeg(...args: string[]): Buffer {
  return execFileSync(ffmpegPath(), ['-v', 'error', ...args], { maxBuffer: 64 * 1024 * 1024 })
}
