// Orders a video with the types of openapi-typescript: order.js API OUTPUT PICTURE VOICE [VOICE]
import { openAsBlob } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { components, paths } from './text2video.js'

type Video = components['schemas']['Video']
type Answer = { data?: Video; error?: components['schemas']['Error'] }

const [baseUrl = '', output = '', picture = '', ...voices] = process.argv.slice(2)
const { GET, POST } = createClient<paths>({ baseUrl })

const file = async (path: string) => new File([await openAsBlob(path)], basename(path))

function videoOf({ data, error }: Answer): Video {
  if (data !== undefined) return data
  throw new Error(error?.error.message)
}

let video = videoOf(
  await POST('/v1/videos', {
    body: {
      input_reference: await file(picture),
      audio: await Promise.all(voices.map(file)),
      prompt: 'A person speaks',
      preset: 'turbo',
    },
    bodySerializer(order) {
      const form = new FormData()
      for (const [name, value] of Object.entries(order)) {
        for (const part of Array.isArray(value) ? value : [value])
          form.append(name, part instanceof Blob ? part : `${part}`)
      }
      return form
    },
  }),
)
const params = { path: { video_id: video.id } }
while (video.status === 'queued' || video.status === 'processing') {
  await sleep(1000)
  video = videoOf(await GET('/v1/videos/{video_id}', { params }))
}
if (video.status !== 'completed') throw new Error(`${video.id}: ${video.error}`)
const { data, error } = await GET('/v1/videos/{video_id}/content', { params, parseAs: 'blob' })
if (data === undefined) throw new Error(error?.error.message)
await writeFile(output, data.stream())
console.log(video.id)
