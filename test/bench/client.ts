import { setTimeout as sleep } from 'node:timers/promises'
import { wavHeader } from '../../infra/sound/wav-header.js'
import { analysisRate } from '../../workflows/order.js'

export type BenchFile = { name: string; bytes: Uint8Array<ArrayBuffer> }

/** A second or so of a spoken-like tone: 16 bit mono WAV. */
export function toneWav(seconds: number): BenchFile {
  const samples = Math.round(seconds * analysisRate)
  const sound = Buffer.alloc(samples * 2)
  for (let i = 0; i < samples; i++) {
    const loudness = Math.sin((i / analysisRate) * 12) ** 2
    sound.writeInt16LE(Math.round(9000 * loudness * Math.sin((i / analysisRate) * 1200)), i * 2)
  }
  return { name: 'voice.wav', bytes: Uint8Array.from(Buffer.concat([wavHeader(16_000, samples), sound])) }
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
