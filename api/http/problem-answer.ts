import type { ErrorRequestHandler, Request, Response } from 'express'
import type { LingeringClose } from './lingering-close.js'
import { waitsToSend } from './expect-continue.js'
import { ClientGone, Problem } from './problems.js'
import { logProblem, requestLog } from './request-log.js'

/** The only place where an error becomes an HTTP answer. What is not a Problem is logged whole and its text stays here. */
export function answerProblem(lingering: LingeringClose): ErrorRequestHandler {
  return async (error: unknown, req, res, _next) => {
    if (error instanceof ClientGone) {
      res.destroy()
      return
    }
    const problem = problemOf(error)
    logProblem(res, problem)
    if (problem.status >= 500) {
      requestLog(res)[problem.type === 'internal' ? 'error' : 'warn']({ err: error }, 'request failed')
    }
    if (res.headersSent || res.destroyed) {
      res.destroy()
      return
    }
    res.status(problem.status).set(problem.headers)
    if (req.complete || !hasBody(req)) {
      res.json(problem.body)
      return
    }
    writeBeforeTheBodyEnds(res, JSON.stringify(problem.body))
    // Whoever still waits for our word has the refusal now, and sends nothing.
    if (!waitsToSend(req)) await lingering.readAway(req)
    res.end()
  }
}

/** What the caller is told of an error. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  // Express throws this for a path with a broken percent escape.
  if (error instanceof URIError)
    return new Problem('malformed_request', 'the address cannot be decoded', { cause: error })
  return new Problem('internal', 'something failed on our side', { cause: error })
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
}

/** The whole answer, of which `end` is only the close of the connection. */
function writeBeforeTheBodyEnds(res: Response, body: string): void {
  res.set({ connection: 'close', 'content-type': 'application/json; charset=utf-8' })
  res.set('content-length', String(Buffer.byteLength(body)))
  res.write(body)
}
