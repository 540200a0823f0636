import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LingeringClose, type LingeringEnd, type LingeringLimits } from '../../../api/http/lingering-close.js'
import { until } from '../../support/until.js'

type Refusing = AsyncDisposable & {
  lingering: LingeringClose
  draining: AbortController
  /** How each request ended, in the order of their ends. */
  ends: LingeringEnd[]
  /** Bytes that came over all sockets. */
  received(): number
  /** A client that has been refused, and may go on sending. */
  refused(): Promise<Socket>
}

/** A server that refuses every request before it reads its body. */
async function startRefusing(limits: Partial<LingeringLimits>): Promise<Refusing> {
  const draining = new AbortController()
  const lingering = new LingeringClose(draining.signal, limits)
  const ends: LingeringEnd[] = []
  const requests: IncomingMessage[] = []
  const clients: Socket[] = []
  const server: Server = createServer((req, res) => {
    requests.push(req)
    res.writeHead(400, { connection: 'close', 'content-length': '2' }).write('no')
    void lingering.readAway(req).then((end) => {
      ends.push(end)
      res.end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    ...{ lingering, draining, ends },
    received: () => requests.reduce((sum, { socket }) => sum + socket.bytesRead, 0),
    async refused() {
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
      clients.push(client)
      client.on('error', () => undefined) // it is cut
      client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n')
      await once(client, 'data')
      return client
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

test('a refused client that sends on is heard to its end, through pauses too', async () => {
  await using server = await startRefusing({})
  const client = await server.refused()
  for (const megabytes of [300, 0, 300, 300]) {
    for (let i = 0; i < megabytes; i++) if (!client.write(Buffer.alloc(1e6))) await once(client, 'drain')
    await sleep(400)
  }
  await until('its end', () => server.ends.length > 0)
  assert.deepEqual([server.ends, server.lingering.count], [['all is read'], 0])
})

test('who falls silent is cut, and who sends for ever too', async () => {
  await using server = await startRefusing({ silenceMs: 1_500, totalMs: 3_000 })
  await server.refused()
  const dripping = await server.refused()
  const drip = setInterval(() => dripping.write('x'), 20)
  await until('both ends', () => server.ends.length === 2)
  clearInterval(drip)
  assert.deepEqual(server.ends, ['silence', 'time is up'])
})

test('is there no place, the one that has lingered longest gives its own', async () => {
  await using server = await startRefusing({ places: 2 })
  for (let i = 0; i < 5; i++) await server.refused()
  assert.deepEqual(server.ends, Array(3).fill('its place is needed'))
  assert.equal(server.lingering.count, 2)
})

test('all refused clients together are read at a limited pace, and none is left behind', async () => {
  const bytesPerSecond = 20_000_000
  await using server = await startRefusing({ bytesPerSecond, totalMs: 2_000 })
  const clients = await Promise.all(Array.from({ length: 4 }, () => server.refused()))
  const since = performance.now()
  for (const client of clients) client.write(Buffer.alloc(200_000_000))
  await until('their ends', () => server.ends.length === clients.length)
  const seconds = (performance.now() - since) / 1000
  // What a socket has in hand when it is paused comes on top.
  assert.ok(server.received() < bytesPerSecond * (seconds + 0.5), `${server.received()} bytes in ${seconds} s`)
  assert.ok(server.received() > 1_000_000)
})

test('a process that is to end waits for no refused client', async () => {
  await using server = await startRefusing({ drainingMs: 100 })
  await server.refused()
  server.draining.abort()
  await server.refused()
  await until('both ends', () => server.ends.length === 2)
  assert.deepEqual(server.ends, ['time is up', 'time is up'])
})
