import sharp from 'sharp'
import { wavHeader } from '../../../infra/sound/wav-header.js'
import type { SubmittedFile } from '../../../gaudi-runner/client/runner-client.js'
import { aFile } from './local-runner.js'

/** A small picture and a hum, as the real ranks read them. */
export async function smallInputs(seconds: number): Promise<SubmittedFile[]> {
  return [aFile('REFERENCE', await picture()), aFile('VOICE_1', voice(seconds))]
}

function picture(): Promise<Buffer> {
  return sharp({ create: { width: 160, height: 160, channels: 3, background: '#c08060' } })
    .png()
    .toBuffer()
}

/** A WAV of 16 kHz, mono, 16 bit: a hum that swells twice a second. */
function voice(seconds: number): Buffer {
  const samples = Int16Array.from({ length: seconds * 16_000 }, (_, at) => {
    const time = at / 16_000
    return 12_000 * Math.sin(2 * Math.PI * 220 * time) * Math.abs(Math.sin(2 * Math.PI * time))
  })
  const sound = Buffer.from(samples.buffer)
  return Buffer.concat([wavHeader(16_000, samples.length), sound])
}
