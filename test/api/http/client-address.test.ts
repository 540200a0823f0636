import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import test from 'node:test'
import { clientAddress, clientOf, TrustedProxies } from '../../../api/http/client-address.js'

const trusted = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])

const request = (remoteAddress: string | undefined, forwarded?: string | string[]) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage

test('a client is who a trusted proxy says, and never a proxy itself', () => {
  const cases: [client: string | undefined, peer: string | undefined, forwarded?: string | string[]][] = [
    ['203.0.113.5', '203.0.113.5'],
    ['203.0.113.5', '::ffff:203.0.113.5'],
    ['2001:db8::5', '2001:DB8:0::5'],
    [undefined, undefined],
    // Of whoever is not trusted the header is what he made up.
    ['203.0.113.5', '203.0.113.5', '198.51.100.1'],
    ['192.0.2.8', '192.0.2.8', '198.51.100.1'],
    // What stands before the last entry came from the client.
    ['198.51.100.1', '10.1.2.3', '198.51.100.1'],
    ['198.51.100.1', '::ffff:10.1.2.3', '8.8.8.8, 198.51.100.1'],
    ['198.51.100.1', '192.0.2.7', ['8.8.8.8', '198.51.100.1']],
    // Several trusted ones in a row.
    ['198.51.100.1', '10.1.2.3', '8.8.8.8, 198.51.100.1, fd00::1, 10.9.9.9'],
    // With ports, in brackets, IPv4 within IPv6.
    ['198.51.100.1', '10.1.2.3', '198.51.100.1:51234'],
    ['2001:db8::5', 'fd00::1', '[2001:db8::5]:443'],
    ['198.51.100.1', '10.1.2.3', '::ffff:198.51.100.1'],
    // A proxy that asks on its own, or hides its clients.
    [undefined, '10.1.2.3'],
    [undefined, '10.1.2.3', ''],
    [undefined, '10.1.2.3', '10.2.2.2'],
    [undefined, '10.1.2.3', '198.51.100.1, unknown'],
    [undefined, '10.1.2.3', '198.51.100.1, _hidden'],
  ]
  for (const [client, peer, forwarded] of cases) {
    assert.equal(clientAddress(request(peer, forwarded), trusted), client, `${peer} ${String(forwarded)}`)
  }
})

test('an IPv6 client is its network, an IPv4 one its address', () => {
  assert.equal(clientOf('2001:db8:1:2:3:4:5:6'), clientOf('2001:db8:1:2:ffff::'))
  assert.notEqual(clientOf('2001:db8:1:2::1'), clientOf('2001:db8:1:3::1'))
  assert.notEqual(clientOf('198.51.100.1'), clientOf('198.51.100.2'))
})
