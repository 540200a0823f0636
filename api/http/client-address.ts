import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Ip = ipaddr.IPv4 | ipaddr.IPv6

/** The proxies (addresses and ranges) whose `X-Forwarded-…` headers count; from everybody else they are what a client made up. */
export class TrustedProxies {
  readonly #list = new BlockList()

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', bits] = range.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(bits), family)
    }
  }

  has(address: Ip): boolean {
    return this.#list.check(address.toString(), address.kind())
  }

  /** Whether this request comes from one of them. */
  sent(req: IncomingMessage): boolean {
    const peer = readIp(req.socket.remoteAddress ?? '')
    return peer !== undefined && this.has(peer)
  }
}

/**
 * The address of who sent this request: the socket's or, from a trusted proxy, the last one in `X-Forwarded-For` that is not
 * itself a trusted proxy's. Each proxy adds its peer at the end, so what stands further left came from the client. Undefined
 * where that leads to nobody: a proxy that asks on its own, or one that hides its clients.
 */
export function clientAddress(req: IncomingMessage, trusted: TrustedProxies): string | undefined {
  const peer = readIp(req.socket.remoteAddress ?? '')
  if (peer === undefined || !trusted.has(peer)) return peer?.toString()
  for (const entry of listOf(req.headers['x-forwarded-for']).toReversed()) {
    const address = readIp(entry)
    if (address === undefined) return undefined
    if (!trusted.has(address)) return address.toString()
  }
  return undefined
}

/** Whom an address stands for: with IPv6 a client has a network of 2⁶⁴ addresses (RFC 6177), which count as one. */
export function clientOf(address: string): string {
  const ip = ipaddr.parse(address)
  if (ip.kind() === 'ipv4') return address
  const network = new ipaddr.IPv6([...ip.toByteArray().slice(0, 8), ...new Array<number>(8).fill(0)])
  return `${network.toString()}/64`
}

/** The entries of a header that may be a list, in their order, over all lines of it. */
export function listOf(header: string | string[] | undefined): string[] {
  return [header ?? []].flat().flatMap((line) => line.split(',').map((entry) => entry.trim()))
}

/** An address as sockets and proxies write it: also with a port, in brackets, with a zone, or IPv4 within IPv6. */
function readIp(text: string): Ip | undefined {
  const bare = /^\[([^\]]*)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const address = bare.replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : ipaddr.process(address)
}
