import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { RequestHandler, Response } from 'express'
import type { Log } from '../../infra/program/log.js'
import { clientAddress, type TrustedProxies } from './client-address.js'
import type { ApiMetrics } from './metrics.js'
import type { Problem } from './problems.js'

const acceptedId = /^[\w-]{8,64}$/
const longest = { path: 200, agent: 120 }

type Locals = { request?: Log; log?: Log; problem?: Problem }

/** The log of this request: its lines carry the request's id and, once known, the video's. */
export function requestLog(res: Response): Log {
  const { log } = res.locals as Locals
  if (log === undefined) throw new Error('requestLogger runs before every route')
  return log
}

/** From here on the request's lines name this video. A child of the request's own log: a child's child would name two. */
export function logVideo(res: Response, video: string): void {
  const locals = res.locals as Locals
  if (locals.request !== undefined) locals.log = locals.request.child({ video })
}

/** The request's last line says why it was refused. */
export function logProblem(res: Response, problem: Problem): void {
  ;(res.locals as Locals).problem = problem
}

/**
 * Gives every request an id (a well-formed one of the client's is kept), and writes one line when it has been answered: at `info`
 * what changes something or is forbidden, at `warn` our own failures, at `debug` all that clients do over and over: reading, and
 * asking for what is not there.
 */
export function requestLogger({
  log,
  metrics,
  trusted,
}: {
  log: Log
  metrics: Pick<ApiMetrics, 'requests'>
  trusted: TrustedProxies
}): RequestHandler {
  const bytesOf = bodyCounter()
  return (req, res, next) => {
    const began = performance.now()
    const given = req.get('x-request-id')
    const request = given !== undefined && acceptedId.test(given) ? given : randomUUID()
    const locals = res.locals as Locals
    locals.request = log.child({ request })
    locals.log = locals.request
    res.setHeader('x-request-id', request)
    const { method } = req
    const path = req.path.slice(0, longest.path)
    // Asked now: a socket that has been closed has none.
    const client = clientAddress(req, trusted)
    res.once('close', () => {
      const seconds = (performance.now() - began) / 1000
      const status = res.writableFinished ? res.statusCode : 499 // nginx's word for: the client left
      // The pattern, not the path: one series for all videos. `baseUrl` is where a router of its own is mounted (/docs).
      const pattern: unknown = (req.route as { path?: unknown } | undefined)?.path
      const route = typeof pattern === 'string' ? `${req.baseUrl}${pattern === '/' ? '' : pattern}` : 'none'
      metrics.requests.observe({ method, route, status }, seconds)
      const answered = { event: 'request', method, path, status, ms: Math.round(seconds * 1000), client }
      const refused = { ...refusal(locals.problem), agent: req.get('user-agent')?.slice(0, longest.agent) }
      const received = bytesOf(req.socket)
      requestLog(res)[levelOf(method, status)]({ ...answered, received, ...(status >= 400 && refused) }, 'answered')
    })
    next()
  }
}

function refusal(problem: Problem | undefined): object {
  return problem === undefined ? {} : { type: problem.type, param: problem.param }
}

function levelOf(method: string, status: number): 'debug' | 'info' | 'warn' {
  if (status >= 500) return 'warn'
  if (status === 404) return 'debug'
  return status === 403 || method === 'POST' || method === 'DELETE' ? 'info' : 'debug'
}

/** How many bytes a request has brought, head and body: what its connection has read since the request before. */
function bodyCounter(): (socket: Socket) => number {
  const seen = new WeakMap<Socket, number>()
  return (socket) => {
    const received = socket.bytesRead - (seen.get(socket) ?? 0)
    seen.set(socket, socket.bytesRead)
    return received
  }
}
