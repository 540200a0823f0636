import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type ApiMetrics = ReturnType<typeof createApiMetrics>

/** What the API counts: requests, uploads, and the unfinished videos that its queue view holds. */
export function createApiMetrics(registry: Registry) {
  const registers = [registry]
  return {
    requests: new Histogram({
      name: 'text2video_api_request_seconds',
      help: 'Seconds from the request line to the end of the answer; status 499: the client left.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
      registers,
    }),
    uploads: new Histogram({
      name: 'text2video_api_upload_seconds',
      help: 'Seconds to receive and store the body of an accepted or refused order.',
      labelNames: ['outcome'],
      buckets: [0.05, 0.2, 1, 5, 20, 60, 300, 1800],
      registers,
    }),
    uploadBytes: new Counter({
      name: 'text2video_api_upload_bytes_total',
      help: 'Bytes of request bodies read.',
      registers,
    }),
    unfinished: new Gauge({
      name: 'text2video_unfinished_videos',
      help: 'Videos that wait or are being processed, as last seen by this process.',
      labelNames: ['phase'],
      registers,
    }),
  }
}
