import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TcpFaultProxy, tcpFaultProxy } from './tcp-fault-proxy.js'

/** A server that sends back what it gets, and a proxy before it. */
async function echoThrough(context: TestContext): Promise<TcpFaultProxy> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await tcpFaultProxy(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  context.after(async () => {
    await proxy[Symbol.asyncDispose]()
    server.close()
    await once(server, 'close') // so every connection through the proxy is closed
  })
  return proxy
}

function through(proxy: TcpFaultProxy): Socket {
  return connect(proxy.port, '127.0.0.1').on('error', () => {})
}

async function said(socket: Socket): Promise<string> {
  const [piece] = (await once(socket, 'data')) as [Buffer]
  return piece.toString()
}

async function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.once('end', () => resolve('end'))
  })
}

test('bytes pass both ways, the end of one direction before that of the other', async (context) => {
  const proxy = await echoThrough(context)
  const socket = through(proxy)
  const sent = Buffer.alloc(3_000_000, 'text')
  socket.end(sent)
  const back: Buffer[] = []
  for await (const piece of socket as AsyncIterable<Buffer>) back.push(piece)
  assert.ok(Buffer.concat(back).equals(sent))
})

test('a black hole keeps what was sent until it is over', async (context) => {
  const proxy = await echoThrough(context)
  const socket = through(proxy)
  socket.write('before')
  assert.equal(await said(socket), 'before')
  proxy.become({ kind: 'blackhole' })
  socket.write('within')
  const answer = said(socket)
  assert.equal(await Promise.race([answer, sleep(200, 'nothing')]), 'nothing')
  const late = through(proxy) // made while nothing passes
  late.write('late')
  proxy.become({ kind: 'pass' })
  assert.equal(await answer, 'within')
  assert.equal(await said(late), 'late')
  socket.destroy()
  late.destroy()
})

test('cut ends connections and refuses new ones, and passes again afterwards', async (context) => {
  const proxy = await echoThrough(context)
  const socket = through(proxy)
  socket.write('x')
  await said(socket)
  const end = endOf(socket)
  proxy.become({ kind: 'cut' })
  assert.equal(await end, 'end')
  assert.equal(await endOf(through(proxy).resume()), 'end')
  proxy.become({ kind: 'pass' })
  const again = through(proxy)
  again.write('again')
  assert.equal(await said(again), 'again')
  again.destroy()
})

test('reset breaks connections', async (context) => {
  const proxy = await echoThrough(context)
  const socket = through(proxy)
  socket.write('x')
  await said(socket)
  const end = endOf(socket)
  proxy.become({ kind: 'reset' })
  assert.equal(await end, 'ECONNRESET')
})

test('latency and a limited bandwidth delay, and lose nothing', async (context) => {
  const proxy = await echoThrough(context)
  proxy.become({ kind: 'latency', ms: 50 })
  const socket = through(proxy)
  socket.write('slow')
  assert.equal(await said(socket), 'slow')
  proxy.become({ kind: 'bandwidth', bytesPerSecond: 2_000_000 })
  const sent = Buffer.alloc(500_000, 'bytes')
  socket.end(sent)
  const back: Buffer[] = []
  for await (const piece of socket as AsyncIterable<Buffer>) back.push(piece)
  assert.ok(Buffer.concat(back).equals(sent))
})

test('a target that is not there breaks the connection', async (context) => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  await using proxy = await tcpFaultProxy(`127.0.0.1:${port}`)
  context.diagnostic(proxy.address)
  assert.equal(await endOf(through(proxy)), 'ECONNRESET')
})
