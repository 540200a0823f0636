import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { VideoAnswer } from '../../api/videos/video-schema.js'
import type { ChaosHttp } from './http.js'
import { type ChaosOrder, formOf } from './orders.js'
import type { Random } from './random.js'
import type { Action } from './schedule.js'

/** A video that was accepted, with what its owner wants of it and what the owner was last told. */
export type ChaosVideo = {
  id: string
  order: ChaosOrder
  key: string
  /** `asked`: a cancel or delete is under way and may still be refused. */
  wish: 'kept' | 'asked' | 'cancelled' | 'deleted'
  status: VideoAnswer['status']
  progress: number
}

const pollMs = 400
const inOrder: VideoAnswer['status'][] = ['queued', 'processing', 'completed']

/** The users of a run: they send videos, look at them all the time, and change their minds. They note every wrong answer. */
export class ChaosUsers implements AsyncDisposable {
  readonly videos = new Map<string, ChaosVideo>()
  readonly #options: { http: ChaosHttp; random: Random; orders: ChaosOrder[]; runName: string; signal: AbortSignal }
  readonly #acts = new Set<Promise<void>>()
  readonly #polling: Promise<void>
  #sent = 0
  #turn = 0

  constructor(options: {
    http: ChaosHttp
    random: Random
    orders: ChaosOrder[]
    runName: string
    signal: AbortSignal
  }) {
    this.#options = options
    this.#polling = this.#poll()
  }

  get underWay(): ChaosVideo[] {
    return [...this.videos.values()].filter(({ status, wish }) => wish === 'kept' && !isOver(status))
  }

  get kept(): ChaosVideo[] {
    return [...this.videos.values()].filter(({ wish }) => wish === 'kept')
  }

  /** The orders whose turn it is, in the order of the list. */
  next(count: number): ChaosOrder[] {
    const { orders } = this.#options
    return Array.from({ length: count }, () => orders[this.#turn++ % orders.length] as ChaosOrder)
  }

  /** Sends them one after the other; resolves when all are accepted. */
  async send(orders: ChaosOrder[]): Promise<void> {
    for (const order of orders) await this.#accepted(this.#keyed(order))
  }

  /** Begins what a user does; `settled` waits for its end. */
  act(action: Action): void {
    const act = this.#do(action)
    this.#acts.add(act)
    act.catch((error: unknown) => {
      if (!this.#options.signal.aborted) this.#violation(`${action}: ${String(error)}`)
    })
    void act.then(
      () => this.#acts.delete(act),
      () => this.#acts.delete(act),
    )
  }

  /** Resolves when everything that users began is over. */
  async settled(): Promise<void> {
    while (this.#acts.size > 0) await Promise.allSettled(this.#acts)
  }

  /** SHA-256 of the file as a client gets it whole. */
  async digest({ id }: ChaosVideo): Promise<string> {
    for (;;) {
      const { response, body } = await this.#options.http.ask(`/v1/videos/${id}/content`)
      if (!response.ok) throw new Error(`the file of ${id}: ${response.status} ${body.toString().slice(0, 200)}`)
      if (Number(response.headers.get('content-length')) === body.length)
        return createHash('sha256').update(body).digest('hex')
    }
  }

  async remove(video: ChaosVideo): Promise<void> {
    video.wish = 'asked'
    const { response, body } = await this.#options.http.ask(`/v1/videos/${video.id}`, () => ({ method: 'DELETE' }))
    if (response.status === 200 || response.status === 404) video.wish = 'deleted'
    else if (response.status === 400) video.wish = 'kept'
    else this.#violation(`DELETE ${video.id}: ${response.status} ${body.toString().slice(0, 200)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#polling
    await Promise.allSettled(this.#acts)
  }

  #keyed(order: ChaosOrder): { order: ChaosOrder; key: string } {
    this.#sent += 1
    return { order, key: `${this.#options.runName}-${this.#sent}` }
  }

  async #accepted({ order, key }: { order: ChaosOrder; key: string }): Promise<ChaosVideo> {
    const { response, body } = await this.#options.http.ask('/v1/videos', () => ({
      method: 'POST',
      body: formOf(order),
      headers: { 'idempotency-key': key },
    }))
    if (response.status !== 200) throw new Error(`${order.name} was refused: ${body.toString().slice(0, 300)}`)
    const { id } = JSON.parse(body.toString()) as VideoAnswer
    const known = this.videos.get(id)
    if (known) return known
    const video: ChaosVideo = { id, order, key, wish: 'kept', status: 'queued', progress: 0 }
    this.videos.set(id, video)
    return video
  }

  async #do(action: Action): Promise<void> {
    const { random, orders } = this.#options
    switch (action) {
      case 'cancel':
        return this.underWay.length > 0 ? this.#cancel(random.pick(this.underWay)) : undefined
      case 'delete': {
        const idle = this.kept.filter(({ status }) => status !== 'processing')
        return idle.length > 0 ? this.remove(random.pick(idle)) : undefined
      }
      case 'send again': {
        if (this.kept.length === 0) return
        const video = random.pick(this.kept)
        const again = await this.#accepted(video)
        // Deleted or cancelled meanwhile: then it is a new one.
        if (again.id !== video.id && video.wish === 'kept') this.#violation(`${video.id} became ${again.id}`)
        return
      }
      case 'send twice': {
        const order = this.#keyed(random.pick(orders))
        const [one, two] = await Promise.all([this.#accepted(order), this.#accepted(order)])
        if (one.id !== two.id) this.#violation(`one order sent twice at once became ${one.id} and ${two.id}`)
        return
      }
      case 'break upload': {
        const order = this.#keyed(random.pick(orders))
        await this.#breakUpload(order, random.next())
        await this.#accepted(order)
        return
      }
      case 'break download': {
        const completed = this.kept.filter(({ status }) => status === 'completed')
        return completed.length > 0 ? this.#breakDownload(random.pick(completed).id) : undefined
      }
    }
  }

  async #cancel(video: ChaosVideo): Promise<void> {
    video.wish = 'asked'
    const { response, body } = await this.#options.http.ask(`/v1/videos/${video.id}/cancel`, () => ({ method: 'POST' }))
    if (response.status === 200) video.wish = 'cancelled'
    else if (response.status === 409) video.wish = 'kept'
    else this.#violation(`cancel ${video.id}: ${response.status} ${body.toString().slice(0, 200)}`)
  }

  /** Leaves after this share of the body. */
  async #breakUpload({ order, key }: { order: ChaosOrder; key: string }, share: number): Promise<void> {
    const whole = new Response(formOf(order))
    const type = whole.headers.get('content-type') ?? ''
    const body = Buffer.from(await whole.arrayBuffer())
    const { hostname, port } = new URL(this.#options.http.url)
    const head = `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: ${key}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname)
      socket.once('error', () => resolve()) // the API is away: broken as well
      socket.write(head)
      socket.write(body.subarray(0, Math.floor(share * body.length)), () => {
        socket.destroy()
        resolve()
      })
    })
  }

  async #breakDownload(id: string): Promise<void> {
    const leave = new AbortController()
    const signal = AbortSignal.any([leave.signal, this.#options.signal])
    try {
      const response = await fetch(`${this.#options.http.url}/v1/videos/${id}/content`, { signal })
      await response.body?.getReader().read()
    } catch {
      // It broke by itself.
    } finally {
      leave.abort()
    }
  }

  async #poll(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted) {
      for (const video of this.videos.values()) {
        if (signal.aborted) return
        if (!isOver(video.status) && video.wish !== 'deleted') await this.#look(video).catch(() => undefined)
      }
      await sleep(pollMs)
    }
  }

  /** Asks for a video, and notes what an owner must never be told. */
  async #look(video: ChaosVideo): Promise<void> {
    const got = await this.#options.http.once(`/v1/videos/${video.id}`)
    if (!got || got.response.status === 503 || video.wish !== 'kept') return
    if (got.response.status !== 200)
      return this.#violation(`${video.id}: ${got.response.status} ${got.body.toString().slice(0, 200)}`)
    const { status, progress, error } = JSON.parse(got.body.toString()) as VideoAnswer
    if (status === 'error' || status === 'deleted')
      this.#violation(`${video.id} (${video.order.name}): ${status} ${error}`)
    else if (inOrder.indexOf(status) < inOrder.indexOf(video.status))
      this.#violation(`${video.id} went from ${video.status} back to ${status}`)
    else if (progress < video.progress)
      this.#violation(`${video.id} went from ${video.progress} % back to ${progress} %`)
    Object.assign(video, { status, progress })
  }

  #violation(what: string): void {
    this.#options.http.violations.push(what)
  }
}

function isOver(status: VideoAnswer['status']): boolean {
  return status === 'completed' || status === 'error' || status === 'deleted'
}
