import { Counter, Histogram, type Registry } from 'prom-client'
import { problems } from './problems.js'

export type ApiMetrics = ReturnType<typeof createApiMetrics>

/** What the API counts: requests, refusals and uploads. */
export function createApiMetrics(registry: Registry) {
  const registers = [registry]
  const refusals = new Counter({
    name: 'text2video_api_refusals_total',
    help: 'Requests that were answered with a problem, by its type.',
    labelNames: ['type'],
    registers,
  })
  // There from the start, so that the first of a type is seen as an increase.
  for (const type of Object.keys(problems)) refusals.inc({ type }, 0)
  return {
    refusals,
    requests: new Histogram({
      name: 'text2video_api_request_seconds',
      help: 'Seconds from the request line to the end of the answer; status 499: the client left.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
      registers,
    }),
    uploads: new Histogram({
      name: 'text2video_api_upload_seconds',
      help: 'Seconds to receive, check and store an order; outcome: stored, or refused, whatever had been stored by then.',
      labelNames: ['outcome'],
      buckets: [0.05, 0.2, 1, 5, 20, 60, 300, 1800],
      registers,
    }),
    uploadBytes: new Counter({
      name: 'text2video_api_upload_bytes_total',
      help: 'Bytes of request bodies read.',
      registers,
    }),
  }
}
