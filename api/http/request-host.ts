import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { listOf, type TrustedProxies } from './client-address.js'
import { Problem } from './problems.js'

/** The name under which a request was sent to us: lower case, without a trailing dot, IPv6 without its brackets. */
export type Host = { name: string; port: number | undefined }

/**
 * The host that a request was sent to: its Host header or, from a trusted proxy, the last X-Forwarded-Host. Undefined for
 * HTTP/1.0 without one, as plain probes speak it and no browser does. Throws a 400 for one that is missing, double or no host.
 */
export function requestHost(req: IncomingMessage, trusted: TrustedProxies): Host | undefined {
  const [host, ...more] = req.headersDistinct['host'] ?? []
  if (more.length > 0) throw new Problem('malformed_request', 'there is more than one Host header')
  if (host === undefined && req.httpVersion !== '1.0') {
    throw new Problem('malformed_request', 'there is no Host header')
  }
  const forwarded = trusted.sent(req) ? listOf(req.headers['x-forwarded-host']).at(-1) : undefined
  const text = forwarded ?? host
  if (text === undefined) return undefined
  const read = readHost(text)
  if (read === undefined) throw new Problem('malformed_request', `the Host header is no host: ${shown(text)}`)
  return read
}

/** Reads `name`, `name:port`, `[v6]` and `[v6]:port`; undefined for anything else. */
function readHost(text: string): Host | undefined {
  const [, v6, name, port] = /^(?:\[([\da-f:.]+)\]|([^\s:/@?#[\]\\]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const bare = v6 ?? name?.toLowerCase().replace(/\.$/, '')
  if (bare === undefined || bare === '' || (v6 !== undefined && isIP(v6) !== 6)) return undefined
  return { name: bare.toLowerCase(), port: port === undefined ? undefined : Number(port) }
}

/**
 * Refuses a host that is neither `localhost`, nor an IP address, nor listed. A page of `evil.example` may have its name resolve
 * to our address (DNS rebinding), and then the browser takes us for that site: only the name in Host tells. An address cannot be
 * rebound, and nobody but the system says what `localhost` is.
 */
export function refuseForeignHost(host: Host | undefined, allowed: readonly string[]): void {
  if (host === undefined || host.name === 'localhost' || isIP(host.name) !== 0) return
  if (allowed.some((entry) => fits(host, entry))) return
  throw new Problem(
    'host_not_allowed',
    `this service does not answer to the name ${shown(host.name)}; if it is yours, add it to the setting ALLOWED_HOSTS`,
  )
}

/** `*` is every name, `.example.com` that name and all below it; an entry without a port takes any. */
function fits({ name, port }: Host, entry: string): boolean {
  if (entry === '*') return true
  const [listed = '', listedPort] = entry.toLowerCase().split(':')
  if (listedPort !== undefined && ![port ?? 80, port ?? 443].includes(Number(listedPort))) return false
  const wanted = listed.replace(/\.$/, '')
  return wanted.startsWith('.') ? `.${name}`.endsWith(wanted) : name === wanted
}

/** What came from outside is not repeated whole. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
