import type { IncomingMessage } from 'node:http'
import { Problem } from './problems.js'
import type { Host } from './request-host.js'

const safeMethods: readonly (string | undefined)[] = ['GET', 'HEAD', 'OPTIONS']
const defaultPorts: Record<string, number> = { 'http:': 80, 'https:': 443 }

/**
 * Refuses what a page of another site has a browser send: a plain form can order videos at a service on the loopback of whoever
 * looks at it, without being asked first. `Sec-Fetch-Site` decides where it is sent, since no page can set it. Older browsers, and
 * all on plain HTTP beyond loopback, send `Origin` alone, which must be the host itself. With neither it is no browser.
 */
export function refuseCrossSite(req: IncomingMessage, host: Host | undefined): void {
  if (safeMethods.includes(req.method)) return
  const { 'sec-fetch-site': site, origin } = req.headers
  if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw refusal(`Sec-Fetch-Site: ${String(site)}`)
  } else if (origin !== undefined && !isOriginOf(origin, host)) throw refusal(`Origin: ${origin}`)
}

/**
 * Whether an origin is this host, whatever its scheme: behind a proxy that ends TLS we see plain HTTP. A host without a port has
 * that of the origin's scheme.
 */
function isOriginOf(origin: string, host: Host | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false
  const { protocol, hostname, port } = new URL(origin)
  const usualPort = defaultPorts[protocol]
  if (usualPort === undefined) return false // an extension's or an app's own scheme; `null` is no URL at all
  const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return name === host.name && (port === '' ? usualPort : Number(port)) === (host.port ?? usualPort)
}

function refusal(why: string): Problem {
  return new Problem(
    'cross_site_request',
    `a page of another site may not order, cancel or delete videos (${why.slice(0, 120)})`,
  )
}
