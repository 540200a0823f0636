import express, { type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import type { ApiParts } from './api-parts.js'
import { cancelVideo } from './cancel-video.js'
import { countRefusals } from './count-refusals.js'
import { createVideo } from './create-video.js'
import { deleteVideo } from './delete-video.js'
import { docsPage } from './docs-page.js'
import { downloadVideo } from './download-video.js'
import { openApiDocument } from './openapi.js'
import { presentVideo } from './present-video.js'
import { answerProblem } from './problem-answer.js'
import { Problem } from './problems.js'
import { queueFacts } from './queue-facts.js'
import { readVideo } from './read-video.js'
import { requestLogger } from './request-log.js'
import { serviceRoutes } from './service-routes.js'

/** The methods of every address; another method on one of them is a 405. */
const addresses: readonly (readonly [path: string, allow: string])[] = [
  ['/v1/videos', 'POST'],
  ['/v1/videos/:video_id', 'GET, HEAD, DELETE'],
  ['/v1/videos/:video_id/cancel', 'POST'],
  ['/v1/videos/:video_id/content', 'GET, HEAD'],
  ['/healthz', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/openapi.json', 'GET, HEAD'],
  ['/docs', 'GET, HEAD'],
]

/** The whole REST API as an Express application: routes, and one place where every error becomes an answer. */
export function createApp(given: Omit<ApiParts, 'present'>): Express {
  const parts: ApiParts = {
    ...given,
    present: async (state) => presentVideo(state, await queueFacts(state, given.queue, given.nodes)),
  }
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag') // answers are small and change; the video's own ETag is its digest
  app.use(requestLogger(parts.log, parts.metrics))
  app.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"] } } }))
  app.use(closeWhenDraining(parts.signal))
  app.use(createVideo(parts), readVideo(parts), downloadVideo(parts), cancelVideo(parts), deleteVideo(parts))
  app.use(serviceRoutes(parts.readiness, parts.signal))
  const document = openApiDocument()
  app.get('/openapi.json', (_req, res) => res.json(document))
  app.use('/docs', docsPage())
  for (const [path, allow] of addresses) app.all(path, refuseMethod(allow))
  app.use((req) => {
    throw new Problem('not_found', `there is nothing at ${req.method} ${req.path.slice(0, 200)}`)
  })
  app.use(countRefusals(parts.metrics))
  app.use(answerProblem)
  return app
}

function refuseMethod(allow: string): RequestHandler {
  return (req, res) => {
    if (req.method === 'OPTIONS') {
      res.set('allow', allow).status(204).end()
      return
    }
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
