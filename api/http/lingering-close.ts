import type { IncomingMessage } from 'node:http'

export type LingeringLimits = {
  /** Longest time for one connection. */
  totalMs: number
  /** Longest silence of one; whoever has sent all that he will has heard the refusal by then. */
  silenceMs: number
  /** Connections at once; one more takes the place of the one that has lingered longest. */
  places: number
  /** For all connections together. */
  bytesPerSecond: number
  /** Longest time for one once this process is to end. */
  drainingMs: number
}

/** The times are nginx's own (lingering_time, lingering_timeout). */
export const usualLingering: LingeringLimits = {
  totalMs: 30_000,
  silenceMs: 5_000,
  places: 64,
  bytesPerSecond: 128 * 2 ** 20,
  drainingMs: 1_000,
}

/** Why a body is read away no longer. */
export type LingeringEnd = 'all is read' | 'silence' | 'time is up' | 'its place is needed'

type Lingerer = { end(why: LingeringEnd): void; resume(): void; cutIn(ms: number): void }

const tickMs = 50

/**
 * Reads away what refused clients still send, so that the refusal reaches them: closing a socket with unread bytes in it makes the
 * kernel send a reset, which throws away an answer on its way. By time and not by bytes: nginx with its default buffering made a 502 of 12
 * in 30 refusals of large bodies. Bounded for all together in number and pace, so that nobody keeps this process busy by it.
 */
export class LingeringClose {
  readonly #limits: LingeringLimits
  readonly #draining: AbortSignal
  /** In the order in which they came. */
  readonly #lingerers = new Set<Lingerer>()
  readonly #tickBytes: number
  #allowance: number
  #ticks: NodeJS.Timeout | undefined

  /** `draining`: aborted when this process is to end. */
  constructor(draining: AbortSignal, limits: Partial<LingeringLimits> = {}) {
    this.#limits = { ...usualLingering, ...limits }
    this.#draining = draining
    this.#tickBytes = (this.#limits.bytesPerSecond * tickMs) / 1000
    this.#allowance = this.#tickBytes
    draining.addEventListener('abort', () => {
      for (const lingerer of this.#lingerers) lingerer.cutIn(this.#limits.drainingMs)
    })
  }

  /** How many connections are being read away. */
  get count(): number {
    return this.#lingerers.size
  }

  /** Resolves when no more of the body is read. */
  readAway(req: IncomingMessage): Promise<LingeringEnd> {
    const { totalMs, silenceMs, places, drainingMs } = this.#limits
    const [oldest] = this.#lingerers
    if (oldest !== undefined && this.#lingerers.size >= places) oldest.end('its place is needed')
    return new Promise((resolve) => {
      let silence: NodeJS.Timeout
      let time: NodeJS.Timeout
      const read = (chunk: Buffer): void => {
        clearTimeout(silence)
        this.#allowance -= chunk.length
        if (this.#allowance > 0) waitForSender()
        else req.pause() // until the next tick
      }
      const waitForSender = (): void => {
        clearTimeout(silence)
        silence = setTimeout(() => lingerer.end('silence'), silenceMs)
      }
      const ended = (): void => lingerer.end('all is read')
      const lingerer: Lingerer = {
        end: (why) => {
          clearTimeout(silence)
          clearTimeout(time)
          req.off('data', read)
          for (const event of ['end', 'error', 'close'] as const) req.off(event, ended)
          req.on('error', () => undefined) // a late one concerns nobody any more
          this.#leave(lingerer)
          resolve(why)
        },
        resume: () => {
          if (!req.isPaused()) return
          waitForSender()
          req.resume()
        },
        cutIn: (ms) => {
          clearTimeout(time)
          time = setTimeout(() => lingerer.end('time is up'), ms)
        },
      }
      this.#enter(lingerer)
      for (const event of ['end', 'error', 'close'] as const) req.once(event, ended)
      lingerer.cutIn(this.#draining.aborted ? drainingMs : totalMs)
      waitForSender()
      req.on('data', read).resume()
    })
  }

  #enter(lingerer: Lingerer): void {
    this.#lingerers.add(lingerer)
    this.#ticks ??= setInterval(() => this.#tick(), tickMs).unref()
  }

  #leave(lingerer: Lingerer): void {
    this.#lingerers.delete(lingerer)
    if (this.#lingerers.size > 0) return
    clearInterval(this.#ticks)
    this.#ticks = undefined
  }

  #tick(): void {
    this.#allowance = Math.min(this.#tickBytes, this.#allowance + this.#tickBytes)
    for (const lingerer of this.#lingerers) {
      if (this.#allowance <= 0) return
      lingerer.resume()
    }
  }
}
