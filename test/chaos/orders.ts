import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../infra/local/setup/root.mjs'
import { picture, toneWav } from '../support/api/api-media.js'

/** One order as a client sends it, the same bytes each time: its video must come out the same each time as well. */
export type ChaosOrder = { name: string; fields: Record<string, string>; reference: ChaosFile; voices: ChaosFile[] }
export type ChaosFile = { name: string; bytes: Buffer }

/** As few frames as make these chunks; steps are few because here they tell nothing but where a render stands. */
export async function demoOrders(): Promise<ChaosOrder[]> {
  const reference = { name: 'ref.png', bytes: await picture('png', 256, 256) }
  const film = { name: 'ref.mp4', bytes: readFileSync(join(root, 'examples/single/ref_video.mp4')) }
  const voice = (seconds: number) => ({ name: 'voice.wav', bytes: toneWav(seconds) })
  return [
    { name: 'two chunks', fields: { steps: '6' }, reference, voices: [voice(3.6)] },
    { name: 'two voices', fields: { steps: '4', seed: '7' }, reference, voices: [voice(1.8), voice(1.8)] },
    { name: 'of a film', fields: { steps: '6', seed: '9' }, reference: film, voices: [voice(2)] },
    { name: 'three chunks', fields: { steps: '4' }, reference, voices: [voice(6.6)] },
    { name: 'one chunk', fields: { steps: '12', logo_video: 'true' }, reference, voices: [voice(1.2)] },
  ]
}

/** For runs of this many faults: a film that goes on from chunk to chunk, and in long ones a video that most faults fall into. */
export async function longOrders(faults: number): Promise<ChaosOrder[]> {
  const reference = { name: 'ref.png', bytes: await picture('png', 256, 256) }
  const film = { name: 'ref.mp4', bytes: readFileSync(join(root, 'examples/single/ref_video.mp4')) }
  const voice = (seconds: number) => ({ name: 'voice.wav', bytes: toneWav(seconds) })
  const orders = [
    { from: 30, name: 'two chunks of a film', fields: { steps: '5' }, reference: film, voices: [voice(3.6)] },
    { from: 60, name: 'six chunks', fields: { steps: '3' }, reference, voices: [voice(18)] },
  ]
  return orders.filter(({ from }) => faults >= from).map(({ from: _, ...order }) => order)
}

/** Of the tiny InfiniteTalk, whose VAE takes most of a CPU's time: the shortest that has two chunks. */
export async function modelOrders(): Promise<ChaosOrder[]> {
  const reference = { name: 'ref.png', bytes: await picture('png', 256, 256) }
  const voice = (seconds: number) => ({ name: 'voice.wav', bytes: toneWav(seconds) })
  const fields = { steps: '2', size: '480p', prompt: 'a person talks' }
  return [
    { name: 'a few frames', fields, reference, voices: [voice(0.4)] },
    { name: 'some frames', fields: { ...fields, steps: '4' }, reference, voices: [voice(0.7)] },
  ]
}

export function formOf({ fields, reference, voices }: ChaosOrder): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('input_reference', blob(reference), reference.name)
  for (const voice of voices) form.append(voices.length === 1 ? 'audio' : 'audio[]', blob(voice), voice.name)
  return form
}

const blob = ({ bytes }: ChaosFile): Blob => new Blob([Uint8Array.from(bytes)])
