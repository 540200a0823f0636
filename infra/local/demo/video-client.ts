import { createWriteStream, openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UserError } from '../stack/with-stack.js'

/** What the demo reads in a video's answer. */
export type Video = {
  id: string
  status: 'queued' | 'processing' | 'completed' | 'deleted' | 'error'
  progress: number
  queue_length: number
  duration: number
  seconds: string
  size: string
  model: string
  error: string
}

/** The REST API as any client would use it: fetch and FormData, nothing of ours. */
export class VideoClient {
  readonly #url: string
  readonly #signal: AbortSignal

  constructor(apiUrl: string, signal: AbortSignal) {
    this.#url = `${apiUrl}/v1/videos`
    this.#signal = signal
  }

  /** Orders a video from a picture and a voice, given as paths. */
  async create(prompt: string, picture: string, voice: string): Promise<Video> {
    const form = new FormData()
    form.append('prompt', prompt)
    form.append('input_reference', await openAsBlob(picture), basename(picture))
    form.append('audio', await openAsBlob(voice), basename(voice))
    return (await this.#ask('', { method: 'POST', body: form })).json() as Promise<Video>
  }

  async get(id: string): Promise<Video> {
    return (await this.#ask(`/${id}`)).json() as Promise<Video>
  }

  /** Writes the MP4 to a file. */
  async download(id: string, path: string): Promise<void> {
    const { body } = await this.#ask(`/${id}/content`)
    if (body === null) throw new UserError('the answer had no body')
    await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(path))
  }

  async #ask(path: string, request: RequestInit = {}): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`, { ...request, signal: this.#signal })
    if (response.ok) return response
    throw new UserError(
      `${request.method ?? 'GET'} ${this.#url}${path} answers ${response.status}: ${await response.text()}`,
    )
  }
}
