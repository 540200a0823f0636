import { randomUUID } from 'node:crypto'
import type { RequestHandler, Response } from 'express'
import type { Log } from '../infra/log.js'
import type { ApiMetrics } from './metrics.js'

const acceptedId = /^[\w-]{8,64}$/

type Locals = { log?: Log; requestId?: string }

/** The log of this request: its lines carry the request's id and, once known, the video's. */
export function requestLog(res: Response): Log {
  const { log } = res.locals as Locals
  if (log === undefined) throw new Error('requestLogger runs before every route')
  return log
}

/** From here on the request's lines name this video. */
export function logVideo(res: Response, video: string): void {
  ;(res.locals as Locals).log = requestLog(res).child({ video })
}

/** Gives every request an id (a well-formed one of the client's is kept), and writes one line when it has been answered. */
export function requestLogger(log: Log, metrics: ApiMetrics): RequestHandler {
  return (req, res, next) => {
    const began = performance.now()
    const given = req.get('x-request-id')
    const request = given !== undefined && acceptedId.test(given) ? given : randomUUID()
    const locals = res.locals as Locals
    locals.log = log.child({ request })
    locals.requestId = request
    res.setHeader('x-request-id', request)
    const { method, path } = req
    res.once('close', () => {
      const seconds = (performance.now() - began) / 1000
      const status = res.writableFinished ? res.statusCode : 499 // nginx's word for: the client left
      // The pattern, not the path: one series for all videos. `baseUrl` is where a router of its own is mounted (/docs).
      const pattern: unknown = (req.route as { path?: unknown } | undefined)?.path
      const route = typeof pattern === 'string' ? `${req.baseUrl}${pattern === '/' ? '' : pattern}` : 'none'
      metrics.requests.observe({ method, route, status }, seconds)
      const level = status >= 500 ? 'warn' : method === 'POST' || method === 'DELETE' ? 'info' : 'debug'
      requestLog(res)[level]({ event: 'request', method, path, status, ms: Math.round(seconds * 1000) }, 'answered')
    })
    next()
  }
}
