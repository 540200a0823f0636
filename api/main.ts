import { availableParallelism } from 'node:os'
import { listenProblem } from '../infra/program/listen-problem.js'
import { aborted } from '../infra/program/or-aborted.js'
import { runProgram } from '../infra/program/program.js'
import { publicEndpoint } from '../infra/s3/public-endpoint.js'
import { connectObjectStore } from '../infra/s3/s3-object-store.js'
import { apiSettings, engineSettings, mediaSettings, s3Settings, temporalSettings } from '../infra/program/settings.js'
import { StartProblem } from '../infra/program/start-problem.js'
import { connectTemporal, requireNamespace } from '../infra/temporal/temporal.js'
import { engineModels } from '../workflows/node.js'
import { createApp } from './app.js'
import { TrustedProxies } from './http/client-address.js'
import { videoLister } from './queue/video-lister.js'
import { LingeringClose } from './http/lingering-close.js'
import { createApiMetrics } from './http/metrics.js'
import { Nodes } from './queue/nodes.js'
import { usualPatience } from './intake/pour-body.js'
import { observeQueue } from './queue/queue-metrics.js'
import { QueueView } from './queue/queue-view.js'
import { Readiness } from './http/readiness.js'
import { startServer } from './http/server.js'
import { observeUploadSlots } from './intake/slot-metrics.js'
import { Slots } from '../infra/program/slots.js'
import { UploadPlaces } from './intake/upload-places.js'
import { VideoReader } from './videos/video-reader.js'
import { within } from './http/within.js'

/** Uploads in flight when the process is asked to end may still take this long. */
const graceMs = 60_000
const removalMs = 5_000

const { FFMPEG_PATH } = mediaSettings

const shape = { ...s3Settings, ...temporalSettings, ...apiSettings, ...engineSettings, FFMPEG_PATH }

await runProgram('api', shape, async (program) => {
  const { settings, log, registry, signal } = program
  await using store = await connectObjectStore(settings, {
    bufferMiB: settings.UPLOAD_BUFFER_MIB,
    publicEndpoint: publicEndpoint(settings),
  })
  await using temporal = await connectTemporal(settings)
  await requireNamespace(temporal.connection, settings)
  const metrics = createApiMetrics(registry)
  using queue = new QueueView(videoLister(temporal.client), log)
  const nodes = new Nodes(store, log)
  const uploads = new UploadPlaces({ places: settings.MAX_UPLOADS, perAddress: settings.UPLOADS_PER_ADDRESS })
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
    readiness: new Readiness({ temporal, store, log }),
    receiving: {
      store,
      // An eighth of the buffers' memory on top, if every upload has a picture of that size.
      heldBytes: Math.floor(Math.min(2, settings.UPLOAD_BUFFER_MIB / 8 / settings.MAX_UPLOADS) * 2 ** 20),
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
    lingering: new LingeringClose(signal),
    trusted: new TrustedProxies(settings.TRUSTED_PROXIES ?? []),
    allowedHosts: settings.ALLOWED_HOSTS ?? [],
    reader: new VideoReader(temporal.client),
    queue,
    nodes,
    retentionDays: settings.VIDEO_RETENTION_DAYS,
    model: engineModels[settings.ENGINE],
    signal,
  })
  const { API_HOST: host, API_PORT: port } = settings
  await using api = await startServer(app, { host, port, graceMs, log }).catch((error: unknown) => {
    const wish = { part: 'the API', variable: 'API_PORT', port, host, hostVariable: 'API_HOST' }
    throw new StartProblem(listenProblem(wish, error), { cause: error })
  })
  // Long queues take seconds to list: begun now, it is there when the first client asks.
  queue.videos().catch((err: unknown) => log.warn({ err }, 'the queue cannot be listed yet'))
  log.info({ event: 'ready', host, port: api.port }, 'the API answers')
  await aborted(signal)
  log.info({ event: 'draining' }, 'nothing new is begun; uploads in flight end')
})
