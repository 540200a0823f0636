import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { Pace } from './pace.js'
import { ClientGone, Problem, unavailable } from '../http/problems.js'

/** How long a body may keep us waiting, and how large it may be. Node's own requestTimeout would cut off honest large uploads. */
export type Patience = {
  /** Longest silence of the sender. */
  idleMs: number
  /** Least average pace of the sender over `windowMs` of waiting for it. */
  bytesPerSecond: number
  windowMs: number
  /** Longest time in which the store takes nothing. */
  storeStallMs: number
  maxBytes: number
}

export const usualPatience: Patience = {
  idleMs: 30_000,
  bytesPerSecond: 32 * 1024,
  windowMs: 60_000,
  storeStallMs: 30_000,
  // Every file at its limit, and a mebibyte for the rest: 500 MB of reference, two voices of 200 MB.
  maxBytes: 901_048_576,
}

export type Pouring = {
  patience: Patience
  signal: AbortSignal
  /** Told whether the body is arriving, and how fast, where others may need its place. */
  upload?: { isArriving: boolean; readonly pace: Pace } | undefined
}

/**
 * Pours a request's body into a parser, and returns how many bytes there were. Only time in which we wait for the
 * sender counts as the sender's: while the parser pushes back, the store is slow, not the client.
 *
 * Rejects with a Problem, with ClientGone, or with the reason of `signal`; the rest of the body is then left unread.
 */
export async function pourBody(
  req: IncomingMessage,
  parser: Writable,
  { patience, signal, upload }: Pouring,
): Promise<number> {
  signal.throwIfAborted()
  let total = 0
  const whole = new Pace(patience.windowMs)
  const paces = [whole, ...(upload === undefined ? [] : [upload.pace])]
  const isTooSlow = (): boolean => (whole.bytesPerSecond() ?? Infinity) < patience.bytesPerSecond
  let silence: NodeJS.Timeout | undefined
  const off: (() => void)[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      const on = (emitter: NodeJS.EventEmitter, event: string, listener: (...args: never[]) => void): void => {
        emitter.on(event, listener as () => void)
        off.push(() => emitter.off(event, listener as () => void))
      }
      const waitForSender = (): void => {
        for (const pace of paces) pace.waiting()
        clearTimeout(silence)
        silence = setTimeout(() => reject(tooSlow()), patience.idleMs)
      }
      const waitForStore = (): void => {
        clearTimeout(silence)
        const stalled = (): void => reject(unavailable('the object store', new Error('it took nothing for too long')))
        silence = setTimeout(stalled, patience.storeStallMs)
      }

      on(req, 'data', (chunk: Buffer) => {
        total += chunk.length
        for (const pace of paces) pace.waited(chunk.length)
        if (total > patience.maxBytes) reject(bodyTooLarge(patience.maxBytes))
        else if (isTooSlow()) reject(tooSlow())
        else if (parser.write(chunk)) waitForSender()
        else {
          req.pause()
          waitForStore()
        }
      })
      on(parser, 'drain', () => {
        waitForSender()
        req.resume()
      })
      on(req, 'end', resolve)
      on(req, 'error', () => reject(new ClientGone()))
      on(req, 'close', () => {
        if (!req.complete) reject(new ClientGone())
      })
      const aborted = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', aborted, { once: true })
      off.push(() => signal.removeEventListener('abort', aborted))
      if (upload !== undefined) upload.isArriving = true
      waitForSender()
    })
  } finally {
    clearTimeout(silence)
    if (upload !== undefined) upload.isArriving = false
    for (const remove of off) remove()
    // A late error of the connection concerns nobody any more, and must not end the process.
    req.on('error', () => undefined)
    req.pause()
  }
  parser.end()
  return total
}

export function bodyTooLarge(limit: number): Problem {
  return new Problem('too_large', `the request is larger than ${limit} bytes`)
}

function tooSlow(): Problem {
  return new Problem('too_slow', 'the request body arrives too slowly')
}
