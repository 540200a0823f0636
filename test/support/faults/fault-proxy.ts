import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to one request; `lose-answer`: it is carried out, and the connection breaks before the answer. */
export type Fault = 'none' | 'busy' | 'reset' | 'lose-answer' | 'stall'

export type FaultProxy = AsyncDisposable & {
  url: string
  /** Every request that came, as "METHOD path?query". */
  seen: string[]
  /** Decides about each request; none fail until it is set. */
  fault: (seen: string) => Fault
  /** Bytes of answers passed on. */
  answered: number
}

/** An HTTP proxy in front of `target` whose requests can be made to fail one by one. */
export async function faultProxy(target: string): Promise<FaultProxy> {
  const server = createServer((req, res) => {
    const name = `${req.method} ${req.url}`
    proxy.seen.push(name)
    const fault = proxy.fault(name)
    switch (fault) {
      case 'none':
      case 'lose-answer':
        return pass(req, res, fault === 'lose-answer')
      case 'busy':
        req.resume().once('end', () => res.writeHead(503).end('<Error><Code>SlowDown</Code></Error>'))
        return
      case 'reset':
        req.once('data', () => req.socket.resetAndDestroy())
        req.once('end', () => req.socket.resetAndDestroy())
        return
      case 'stall':
        req.resume()
    }
  })
  const pass = (req: IncomingMessage, res: ServerResponse, loseAnswer: boolean) => {
    const { hostname, port } = new URL(target)
    const options = { hostname, port, method: req.method, path: req.url, headers: req.headers }
    const onward = request(options, (answer) => {
      if (loseAnswer) return void answer.resume().once('end', () => req.socket.destroy())
      answer.on('data', (chunk: Buffer) => {
        proxy.answered += chunk.length
      })
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
    })
    onward.on('error', () => res.destroy())
    res.on('close', () => onward.destroy())
    req.pipe(onward)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    fault: () => 'none',
    answered: 0,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return proxy
}
