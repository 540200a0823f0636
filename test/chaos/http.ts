import { setTimeout as sleep } from 'node:timers/promises'

/** How the API was heard during a run. */
export type Heard = {
  answers: Record<string, number>
  /** Nobody there, or gone before the end. */
  unanswered: number
  /** The slowest 503 of a GET, in ms: what a client waits for to be told to wait. */
  slowest503Ms: number
}

const longestMs = 60_000
const againMs = 250

/** HTTP as a patient client speaks it: what is not answered, or answered with 503, is asked again. */
export class ChaosHttp {
  readonly heard: Heard = { answers: {}, unanswered: 0, slowest503Ms: 0 }
  readonly violations: string[]
  readonly #url: () => string
  readonly #signal: AbortSignal

  constructor(options: { url: () => string; violations: string[]; signal: AbortSignal }) {
    this.#url = options.url
    this.violations = options.violations
    this.#signal = options.signal
  }

  get url(): string {
    return this.#url()
  }

  /** One try; undefined when there was no answer. An answer that must never be given is a violation. */
  async once(path: string, init: RequestInit = {}): Promise<{ response: Response; body: Buffer } | undefined> {
    const since = performance.now()
    const signal = AbortSignal.any([AbortSignal.timeout(longestMs), this.#signal])
    let response: Response
    let body: Buffer
    try {
      response = await fetch(`${this.#url()}${path}`, { ...init, signal })
      body = Buffer.from(await response.arrayBuffer())
    } catch {
      this.#signal.throwIfAborted()
      this.heard.unanswered += 1
      return undefined
    }
    const { status, headers } = response
    const { answers } = this.heard
    answers[status] = (answers[status] ?? 0) + 1
    const request = `${init.method ?? 'GET'} ${path}`
    if (status === 503) {
      if (!headers.has('retry-after')) this.violations.push(`${request}: 503 without retry-after`)
      if (request.startsWith('GET'))
        this.heard.slowest503Ms = Math.max(this.heard.slowest503Ms, performance.now() - since)
    } else if (status >= 500) {
      this.violations.push(`${request}: ${status} ${body.toString().slice(0, 300)}`)
    }
    return { response, body }
  }

  /** Until there is an answer that is not a fault of the service. */
  async ask(path: string, init: () => RequestInit = () => ({})): Promise<{ response: Response; body: Buffer }> {
    for (;;) {
      const got = await this.once(path, init())
      if (got && got.response.status < 500) return got
      await sleep(againMs, undefined, { signal: this.#signal })
    }
  }
}
