import type { ErrorRequestHandler } from 'express'
import type { ApiMetrics } from './metrics.js'
import { problemOf } from './problem-answer.js'
import { ClientGone } from './problems.js'

/** Counts every request that ends with a problem, by its type, and passes the error on to whoever answers. */
export function countRefusals({ refusals }: Pick<ApiMetrics, 'refusals'>): ErrorRequestHandler {
  return (error: unknown, _req, _res, next) => {
    if (!(error instanceof ClientGone)) refusals.inc({ type: problemOf(error).type })
    next(error)
  }
}
