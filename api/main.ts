import { availableParallelism } from 'node:os'
import { listenProblem } from '../infra/listen-problem.js'
import { runProgram } from '../infra/program.js'
import { connectObjectStore } from '../infra/s3-object-store.js'
import { apiSettings, mediaSettings, s3Settings, temporalSettings } from '../infra/settings.js'
import { StartProblem } from '../infra/start-problem.js'
import { connectTemporal, requireNamespace } from '../infra/temporal.js'
import { createApp } from './app.js'
import { videoLister } from './list-videos.js'
import { createApiMetrics } from './metrics.js'
import { Nodes } from './nodes.js'
import { usualPatience } from './pour-body.js'
import { observeQueue } from './queue-metrics.js'
import { QueueView } from './queue-view.js'
import { Readiness } from './readiness.js'
import { startServer } from './server.js'
import { observeUploadSlots } from './slot-metrics.js'
import { Slots } from './slots.js'
import { VideoReader } from './video-reader.js'
import { within } from './within.js'

/** Uploads in flight when the process is asked to end may still take this long. */
const graceMs = 60_000
const removalMs = 5_000

const { FFMPEG_PATH } = mediaSettings

await runProgram('api', { ...s3Settings, ...temporalSettings, ...apiSettings, FFMPEG_PATH }, async (program) => {
  const { settings, log, registry, signal } = program
  await using store = await connectObjectStore(settings, { bufferMiB: settings.UPLOAD_BUFFER_MIB })
  await using temporal = await connectTemporal(settings)
  await requireNamespace(temporal.connection, settings)
  const metrics = createApiMetrics(registry)
  const queue = new QueueView(videoLister(temporal.client), log)
  const nodes = new Nodes(store, log)
  const uploads = new Slots(settings.MAX_UPLOADS)
  observeQueue(registry, queue)
  observeUploadSlots(registry, uploads)
  // Uploads that were cut remove what they had stored.
  await using _ended = {
    async [Symbol.asyncDispose]() {
      await within(removalMs, () => uploads.allFree()).catch(() => log.warn('some uploads did not end'))
    },
  }
  const app = createApp({
    client: temporal.client,
    log,
    metrics,
    readiness: new Readiness(temporal, store),
    receiving: {
      store,
      patience: usualPatience,
      checking: {
        store,
        ffmpegPath: settings.FFMPEG_PATH,
        maxSeconds: settings.VIDEO_MAX_SECONDS,
        slots: new Slots(Math.max(2, availableParallelism())),
      },
      metrics,
    },
    uploads,
    reader: new VideoReader(temporal.client),
    queue,
    nodes,
    retentionDays: settings.VIDEO_RETENTION_DAYS,
    signal,
  })
  const { API_HOST: host, API_PORT: port } = settings
  await using api = await startServer(app, { host, port, graceMs }).catch((error: unknown) => {
    const wish = { part: 'the API', variable: 'API_PORT', port, host, hostVariable: 'API_HOST' }
    throw new StartProblem(listenProblem(wish, error), { cause: error })
  })
  // Long queues take seconds to list: begun now, it is there when the first client asks.
  queue.videos().catch((err: unknown) => log.warn({ err }, 'the queue cannot be listed yet'))
  log.info({ event: 'ready', host, port: api.port }, 'the API answers')
  await untilAborted(signal)
  log.info({ event: 'draining' }, 'nothing new is begun; uploads in flight end')
})

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
