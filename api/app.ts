import express, { type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import type { ApiParts } from './api-parts.js'
import { cancelVideo } from './routes/cancel-video.js'
import { countRefusals } from './http/count-refusals.js'
import { createVideo } from './routes/create-video.js'
import { refuseCrossSite } from './http/cross-site.js'
import { deleteVideo } from './routes/delete-video.js'
import { docsPage } from './openapi/docs-page.js'
import { downloadVideo } from './routes/download-video.js'
import { openApiDocument } from './openapi/openapi.js'
import { presentVideo } from './videos/present-video.js'
import { answerProblem } from './http/problem-answer.js'
import { Problem } from './http/problems.js'
import { queueFacts } from './queue/queue-facts.js'
import { readVideo } from './routes/read-video.js'
import { refuseForeignHost, requestHost } from './http/request-host.js'
import { requestLogger } from './http/request-log.js'
import { serviceRoutes } from './routes/service-routes.js'

/** The methods of every address, as OPTIONS tells them; another method on one of them is a 405. */
const addresses: readonly (readonly [path: string, allow: string])[] = [
  ['/v1/videos', 'POST'],
  ['/v1/videos/:video_id', 'GET, HEAD, DELETE'],
  ['/v1/videos/:video_id/cancel', 'POST'],
  ['/v1/videos/:video_id/content', 'GET, HEAD'],
  ['/healthz', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/openapi.json', 'GET, HEAD'],
  ['/docs', 'GET, HEAD'],
  ['/docs/:file', 'GET, HEAD'],
  ['/', 'GET, HEAD'],
]

/** The whole REST API as an Express application: routes, and one place where every error becomes an answer. */
export function createApp(given: Omit<ApiParts, 'present'>): Express {
  const parts: ApiParts = {
    ...given,
    present: async (state) =>
      presentVideo(state, { ...(await queueFacts(state, given.queue, given.nodes)), model: given.model }),
  }
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag') // answers are small and change; the video's own ETag is its digest
  app.use(requestLogger(parts))
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"] } },
      // Behind somebody's TLS it would bind their whole domain for a year; who ends TLS knows whether to send it.
      strictTransportSecurity: false,
    }),
  )
  app.use(closeWhenDraining(parts.signal))
  app.use(frontDoor(parts))
  // Before the routes, which would answer OPTIONS each with its own methods alone.
  for (const [path, allow] of addresses) app.options(path, tellMethods(allow))
  app.use(createVideo(parts), readVideo(parts), downloadVideo(parts), cancelVideo(parts), deleteVideo(parts))
  app.use(serviceRoutes(parts.readiness, parts.signal))
  const document = openApiDocument()
  app.get('/openapi.json', (_req, res) => res.json(document))
  app.use(docsPage())
  for (const [path, allow] of addresses) app.all(path, refuseMethod(allow))
  app.use((req) => {
    throw new Problem('not_found', `there is nothing at ${req.method} ${req.path.slice(0, 200)}`)
  })
  app.use(countRefusals(parts.metrics))
  app.use(answerProblem(parts.lingering))
  return app
}

/** Nothing is read or done for a request that did not come as it may: under a name of ours, and from no page of another site. */
function frontDoor({ trusted, allowedHosts }: ApiParts): RequestHandler {
  return (req, _res, next) => {
    const host = requestHost(req, trusted)
    refuseForeignHost(host, allowedHosts)
    refuseCrossSite(req, host)
    next()
  }
}

function tellMethods(allow: string): RequestHandler {
  return (_req, res) => {
    res.set('allow', allow).status(204).end()
  }
}

function refuseMethod(allow: string): RequestHandler {
  return (req) => {
    throw new Problem('method_not_allowed', `${req.method} is not possible here; possible: ${allow}`, {
      headers: { allow },
    })
  }
}

/** A kept connection would keep this process from ending. */
function closeWhenDraining(draining: AbortSignal): RequestHandler {
  return (_req, res, next) => {
    if (draining.aborted) res.set('connection', 'close')
    next()
  }
}
