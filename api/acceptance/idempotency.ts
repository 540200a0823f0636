import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Parameters, parametersSchema } from '../parameters/parameters.js'
import { Problem } from '../http/problems.js'

const keyHeader = 'Idempotency-Key'
const longestKey = 255

/**
 * How a request says that it may be a repetition of another.
 *
 * key    by an Idempotency-Key
 * sdk    by the mark that OpenAI's SDKs put on every request: the how-manieth retry it is, 0 for the first try
 * no     not at all: it is an order of its own
 */
export type Repetition = { kind: 'key'; key: string } | { kind: 'sdk'; retry: number } | { kind: 'no' }

/** Read from the headers alone, so that a bad key is refused before the body is read. */
export function repetitionOf({ headers }: Pick<IncomingMessage, 'headers'>): Repetition {
  const key = headers[keyHeader.toLowerCase()]
  if (typeof key === 'string') {
    // Printable ASCII: anything else would come to us as another text than the client wrote.
    if (key.length > longestKey || !/^[\x20-\x7e]+$/.test(key)) {
      throw new Problem('invalid_parameter', `'${keyHeader}' must be 1 to ${longestKey} printable ASCII characters`, {
        param: keyHeader,
      })
    }
    return { kind: 'key', key }
  }
  const retry = headers['x-stainless-retry-count']
  return typeof retry === 'string' && /^\d{1,3}$/.test(retry) ? { kind: 'sdk', retry: Number(retry) } : { kind: 'no' }
}

const defaults: Record<string, unknown> = parametersSchema.parse({})

/**
 * SHA-256, in hex, of what was asked for: the parameters that differ from their defaults (so that neither saying a default nor a
 * parameter that a later version brings makes another request of it) and the bytes of the files as they were sent, the reference
 * first. The seed counts as it was asked for: −1 is the same request each time.
 */
export function digestOf(parameters: Parameters, sent: readonly { sha256: string }[]): string {
  const asked = Object.entries(parameters)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const files = sent.map(({ sha256 }) => sha256)
  return sha256(JSON.stringify({ asked, files }))
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
