import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { rss } from './process.js'
import type { Row } from './report.js'

const clients = 200
const bytesPerSecond = 1024
const heldMs = 15_000

/** What the API's memory grows by while 200 clients read a large file at 1 KiB/s each. */
export async function slowReaders(pid: number, url: URL): Promise<Row> {
  const value = await held(pid, url, (socket) => {
    socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    socket.pause()
    return setInterval(() => socket.read(bytesPerSecond), 1000)
  })
  return { what: `RSS beyond that before, ${clients} readers at 1 KiB/s`, value, unit: 'MiB' }
}

/** The same while 200 clients send an order at 1 KiB/s each; those beyond MAX_UPLOADS are refused. */
export async function slowSenders(pid: number, url: URL): Promise<Row> {
  const head = [
    'POST /v1/videos HTTP/1.1',
    `Host: ${url.host}`,
    'Content-Type: multipart/form-data; boundary=b',
    `Content-Length: ${2 ** 20}`,
    '',
    '--b',
    'Content-Disposition: form-data; name="input_reference"; filename="a.png"',
    '',
    '\u0089PNG\r\n\u001a\n',
  ].join('\r\n')
  const value = await held(pid, url, (socket) => {
    socket.write(head, 'latin1')
    socket.resume()
    return setInterval(() => socket.writable && socket.write(Buffer.alloc(bytesPerSecond)), 1000)
  })
  return { what: `RSS beyond that before, ${clients} senders at 1 KiB/s`, value, unit: 'MiB' }
}

async function held(pid: number, url: URL, begin: (socket: Socket) => NodeJS.Timeout): Promise<number> {
  const before = rss(pid)
  let most = before
  const watch = setInterval(() => (most = Math.max(most, rss(pid))), 200)
  const sockets = await Promise.all(
    Array.from({ length: clients }, async () => {
      // A small buffer of the client's: what it has not asked for stays with the server.
      const socket = connect({
        port: Number(url.port),
        host: url.hostname,
        readableHighWaterMark: bytesPerSecond,
      } as never)
      socket.on('error', () => {})
      await once(socket, 'connect')
      return { socket, ticking: begin(socket) }
    }),
  )
  await sleep(heldMs)
  clearInterval(watch)
  for (const { socket, ticking } of sockets) {
    clearInterval(ticking)
    socket.destroy()
  }
  return most - before
}
