import type { ErrorRequestHandler, Request, Response } from 'express'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClientGone, Problem } from './problems.js'
import { logProblem, requestLog } from './request-log.js'

/**
 * For how long a refused body is still read away. By time, however much it is: nginx in front made a 502 of 17 in 60 refusals of 8
 * and 50 MB when we closed after a mebibyte, and of none since.
 */
const drainMs = 1_000

/** The only place where an error becomes an HTTP answer. What is not a Problem is logged whole and its text stays here. */
export const answerProblem: ErrorRequestHandler = async (error: unknown, req, res, _next) => {
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
  if (req.complete || !hasBody(req)) res.json(problem.body)
  else await answerBeforeTheBodyEnds(req, res, JSON.stringify(problem.body))
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

/**
 * Closing a socket with unread bytes in it makes the kernel send a reset, which can throw away the answer on its way.
 * So the answer is written whole, and more of the body is read away before the connection is closed.
 */
async function answerBeforeTheBodyEnds(req: Request, res: Response, body: string): Promise<void> {
  res.set({ connection: 'close', 'content-type': 'application/json; charset=utf-8' })
  res.set('content-length', String(Buffer.byteLength(body)))
  if (waitsForContinue(req)) {
    res.end(body)
    return
  }
  res.write(body)
  const drained = new AbortController()
  for (const event of ['end', 'error', 'close'] as const) req.once(event, () => drained.abort())
  req.resume()
  await sleep(drainMs, undefined, { signal: drained.signal }).catch(() => undefined)
  res.end()
}

/** A client that waits for our word has not sent its body, and must not: it has the refusal. */
export function waitsForContinue(req: Request): boolean {
  return /^100-continue$/i.test(req.headers.expect ?? '')
}
