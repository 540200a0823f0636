import { Router } from 'express'
import { ownVersion } from '../../infra/program/version.js'
import type { Readiness } from '../http/readiness.js'

/** GET /healthz: this process is alive, and of which version. GET /readyz: it can do its work, and which part keeps it from that. */
export function serviceRoutes(readiness: Readiness, draining: AbortSignal): Router {
  const version = ownVersion()
  return Router()
    .get('/healthz', (_req, res) => {
      res.set('cache-control', 'no-store').json({ status: 'ok', version })
    })
    .get('/readyz', async (_req, res) => {
      const parts = await readiness.states()
      const isReady = !draining.aborted && Object.values(parts).every((part) => part.ok)
      const status = draining.aborted ? 'draining' : isReady ? 'ready' : 'not ready'
      if (!isReady) res.set('retry-after', '5')
      res
        .status(isReady ? 200 : 503)
        .set('cache-control', 'no-store')
        .json({ status, parts })
    })
}
