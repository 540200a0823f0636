import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { pourPlain } from '../../../infra/s3/pour-plain.js'

/** A server that says exactly what a test wants, piece by piece, to one request after another; what it was asked. */
async function saying(context: test.TestContext, say: (socket: Socket) => unknown) {
  const asked: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => {
      asked.push(String(head))
      void say(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/key?X-Amz-Signature=1` }
}

/** Keeps what was written; each piece takes a turn of the loop, so that buffers used too early are seen. */
function keeping() {
  const pieces: Buffer[] = []
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      setImmediate(() => {
        pieces.push(Buffer.from(piece))
        done()
      })
    },
  })
  return { sink, text: () => Buffer.concat(pieces).toString('latin1') }
}

const pour = (url: string, sink: Writable, options: { range?: string; signal?: AbortSignal } = {}) =>
  pourPlain(
    { url, range: options.range, signal: options.signal ?? new AbortController().signal, onAnswer: () => {} },
    sink,
  )

test('a body arrives as it is, however its bytes and its head are cut', async (context) => {
  const body = Array.from({ length: 60_000 }, (_, i) => String(i)).join(',')
  const whole = `HTTP/1.1 206 Partial Content\r\nServer: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const { url, asked } = await saying(context, async (socket) => {
    for (const at of [0, 1, 20, 60, 75, 100]) {
      socket.write(whole.slice(at, { 0: 1, 1: 20, 20: 60, 60: 75, 75: 100 }[at] ?? whole.length))
      await sleep(5)
    }
  })
  const { sink, text } = keeping()
  assert.equal(await pour(url, sink, { range: 'bytes=5-' }), true)
  assert.equal(text(), body)
  assert.equal(sink.writableFinished, true)
  assert.match(
    asked[0] ?? '',
    /^GET \/bucket\/key\?X-Amz-Signature=1 HTTP\/1.1\r\nHost: 127.0.0.1:\d+\r\nRange: bytes=5-/,
  )
})

for (const [what, answer] of [
  ['an error', 'HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n'],
  ['no object', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'],
  ['a body without a length', 'HTTP/1.1 200 OK\r\n\r\nno'],
  ['a packed body', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno'],
  ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['a head without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(5000)}`],
  ['nothing', ''],
] as const) {
  test(`an answer that is ${what} is left to the SDK, and nothing of it is written`, async (context) => {
    const { url } = await saying(context, (socket) => socket.end(answer))
    const { sink, text } = keeping()
    assert.equal(await pour(url, sink), false)
    assert.deepEqual([text(), sink.destroyed, sink.writableEnded], ['', false, false])
  })
}

test('a body that ends early, or goes on too long, is an error and no whole file', async (context) => {
  for (const sent of ['123', '123456']) {
    const { url } = await saying(context, (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${sent}`))
    const { sink } = keeping()
    await assert.rejects(pour(url, sink), /closed the connection|more than it said/)
    assert.equal(sink.writableEnded, false)
  }
})

test('no more is read than the reader takes, and an abort ends the connection at once', async (context) => {
  let sender: Socket | undefined
  const { url } = await saying(context, (socket) => {
    sender = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
    const fill = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(2 ** 20)));
    }
    socket.on('drain', fill)
    fill()
  })
  const pending: (() => void)[] = []
  let taken = 0
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      taken += piece.length
      pending.push(done)
    },
  })
  const leaving = new AbortController()
  const poured = pour(url, sink, { signal: leaving.signal })
  await sleep(200)
  assert.ok(taken > 0 && taken <= 65_536, `${taken} bytes were taken`)
  assert.equal(sink.writableLength, taken, 'one piece is being written, and none waits in the sink')
  leaving.abort(new Error('gone'))
  await assert.rejects(poured, /gone/)
  if (sender?.destroyed === false) await new Promise((closed) => sender?.once('close', closed))
})
