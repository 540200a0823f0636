import { createServer, IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import { addAbortListener, once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Express, Request, Response } from 'express'
import type { Log } from '../../infra/program/log.js'
import { aborted } from '../../infra/program/or-aborted.js'
import { Problem } from './problems.js'

export type ApiServer = AsyncDisposable & { port: number; server: Server }

export type ServerOptions = {
  host: string
  port: number
  /** How long requests in flight may take to end once the server stops. */
  graceMs: number
  log: Log
}

/**
 * Serves an Express application. Stopping it lets requests in flight end, and cuts those that outlast the grace period. While
 * there are any, new ones are still answered: the application refuses what takes long, and a load balancer that has not
 * noticed yet hears so instead of being refused a connection.
 */
export async function startServer(app: Express, { host, port, graceMs, log }: ServerOptions): Promise<ApiServer> {
  const answering = new Set<ServerResponse>()
  let isStopping = false
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    answering.add(res)
    res.once('close', () => {
      answering.delete(res)
      cutWhenDone()
    })
    // Both were born as Express's own, see below.
    app(req as Request, res as Response)
  }
  // Connections without a request, which a client may hold open for later, are nothing to wait for.
  const cutWhenDone = (): void => {
    if (isStopping && answering.size === 0) server.closeAllConnections()
  }
  const server = createServer(
    {
      ...messageClasses(app),
      // Node's own would cut an honest upload after five minutes; `pourBody` has rules of its own.
      requestTimeout: 0,
      headersTimeout: 15_000,
      keepAliveTimeout: 65_000, // longer than the usual proxy's, so that the proxy closes first
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16 * 1024,
      requireHostHeader: false, // the application refuses in JSON, where Node would without a word
    },
    handle,
  )
  server.maxRequestsPerSocket = 1000
  // The routes themselves say when a body may come, so that a refused one is never sent.
  server.on('checkContinue', handle)
  server.on('checkExpectation', (_req, res: ServerResponse) => {
    const problem = new Problem('expectation_failed', 'only Expect: 100-continue is understood')
    const body = JSON.stringify(problem.body)
    const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }
    res.writeHead(problem.status, { ...headers, connection: 'close' }).end(body)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const problem = problemOf(error.code)
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy()
    else refuse(socket, problem)
    const { remoteAddress: peer, bytesRead: received } = socket
    log.debug(
      { event: 'malformed', status: problem.status, type: problem.type, code: error.code, peer, received },
      'no request',
    )
  })
  server.on('connect', (_req, socket: Socket) => {
    refuse(socket, new Problem('method_not_allowed', 'CONNECT is not possible here: this is no proxy'))
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      const grace = AbortSignal.timeout(graceMs)
      await Promise.race([Promise.all([...answering].map(ended)), aborted(grace)])
      isStopping = true
      server.close()
      addAbortListener(grace, () => server.closeAllConnections())
      cutWhenDone()
      await closed
    },
  }
}

function ended(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (res.closed) resolve()
    else res.once('close', resolve)
  })
}

/**
 * Express sets the prototypes of every request and response, which costs Node 20 three quarters of its speed (11–15 k
 * requests/s against 51 k, measured). Messages that are born with the right prototypes need no change.
 */
function messageClasses(app: Express) {
  class OwnRequest extends IncomingMessage {}
  class OwnResponse extends ServerResponse {}
  Object.setPrototypeOf(OwnRequest.prototype, app.request)
  Object.setPrototypeOf(OwnResponse.prototype, app.response)
  app.request = OwnRequest.prototype as Request
  app.response = OwnResponse.prototype as Response
  return {
    IncomingMessage: OwnRequest,
    ServerResponse: OwnResponse as unknown as typeof ServerResponse<IncomingMessage>,
  }
}

/** What Node could not read as HTTP never becomes a request; its answer is written by hand. */
function refuse(socket: Socket, problem: Problem): void {
  const body = JSON.stringify(problem.body)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      'Content-Type: application/json; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers_too_large', 'the request headers are too large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('too_slow', 'the request headers arrive too slowly')
  return new Problem('malformed_request', 'this is not an HTTP request')
}
