import { setTimeout as sleep } from 'node:timers/promises'

export type BenchFile = { name: string; bytes: Uint8Array<ArrayBuffer> }

/** A second or so of a spoken-like tone: 16 bit mono WAV. */
export function toneWav(seconds: number, rate = 16_000): BenchFile {
  const samples = Math.round(seconds * rate)
  const wav = Buffer.alloc(44 + samples * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + samples * 2, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(rate, 24)
  wav.writeUInt32LE(rate * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(samples * 2, 40)
  for (let i = 0; i < samples; i++) {
    const loudness = Math.sin((i / rate) * 12) ** 2
    wav.writeInt16LE(Math.round(9000 * loudness * Math.sin((i / rate) * 1200)), 44 + i * 2)
  }
  return { name: 'voice.wav', bytes: Uint8Array.from(wav) }
}

/** Sends a video as a client would; its id. Throws with the answer when it is refused. */
export async function submit(
  apiUrl: string,
  reference: BenchFile,
  voice: BenchFile,
  fields: Record<string, string> = {},
): Promise<string> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('input_reference', new Blob([reference.bytes]), reference.name)
  form.set('audio', new Blob([voice.bytes]), voice.name)
  const response = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form })
  const answer = (await response.json()) as { id?: string }
  if (!response.ok || answer.id === undefined) throw new Error(`refused: ${JSON.stringify(answer)}`)
  return answer.id
}

/** Polls until the video is completed; when that was first seen, ms. Throws when it ended otherwise. */
export async function completed(apiUrl: string, id: string, everyMs = 20): Promise<number> {
  for (;;) {
    const video = (await (await fetch(`${apiUrl}/v1/videos/${id}`)).json()) as { status: string; error: string }
    if (video.status === 'completed') return Date.now()
    if (video.status === 'error') throw new Error(`${id}: ${video.error}`)
    await sleep(everyMs)
  }
}
