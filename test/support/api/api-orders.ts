import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type VideoAnswer, videoSchema } from '../../../api/videos/video-schema.js'
import type { ObjectStore } from '../../../infra/s3/object-store.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import { picture, toneWav } from './api-media.js'

const png = await picture('png', 256, 256)
const wav = toneWav(1)

/** A good order of one short voice; `changes` are its text parameters. */
export function orderForm(changes: Record<string, string> = {}, voice: Buffer = wav): FormData {
  const form = new FormData()
  for (const [name, text] of Object.entries(changes)) form.append(name, text)
  form.append('input_reference', new Blob([png]), 'ref.png')
  form.append('audio', new Blob([voice]), '1.wav')
  return form
}

export type Answered = { status: number; headers: Headers; body: any }

export async function postOrder(
  apiUrl: string,
  form: FormData,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const answer = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form, headers })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

/** Asks for a video as a client does, until it is as wanted or over; every answer fits the schema, and progress never falls. */
export async function videoUntil(
  apiUrl: string,
  id: string,
  isWanted: (video: VideoAnswer) => boolean,
): Promise<VideoAnswer> {
  let progress = 0
  for (;;) {
    const answer = await fetch(`${apiUrl}/v1/videos/${id}`)
    const video = videoSchema.parse(await answer.json())
    if (isWanted(video)) return video
    const isOver = video.status !== 'queued' && video.status !== 'processing'
    assert.ok(video.progress >= progress, `progress fell from ${progress} to ${video.progress}`)
    progress = video.progress
    assert.ok(!isOver, `it is ${video.status}: ${video.error}`)
    await sleep(50)
  }
}

/** Keys of a video's objects, without its prefix. */
export async function objectsOf(store: Pick<ObjectStore, 'list'>, id: string): Promise<string[]> {
  const prefix = objectKeys.video(id)
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key.slice(prefix.length))
  return keys
}
