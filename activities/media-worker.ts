/** The program that prepares inputs and assembles files: needs Temporal, S3 and ffmpeg. */
import { Worker } from '@temporalio/worker'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { observeFreeDisk } from '../infra/files/free-disk.js'
import { runProgram } from '../infra/program/program.js'
import { connectObjectStore } from '../infra/s3/s3-object-store.js'
import { mediaSettings, s3Settings, temporalSettings } from '../infra/program/settings.js'
import { requireNamespace } from '../infra/temporal/temporal.js'
import { connectWorker } from '../infra/temporal/temporal-worker.js'
import { queues } from '../workflows/names.js'
import { activityEdge } from './worker/activity-edge.js'
import { createAssembleActivities } from './media/assemble.js'
import { createPrepareActivities } from './media/prepare.js'
import { runWorker } from './worker/run-worker.js'
import { removeLeftFolders } from '../infra/files/temp-folder.js'
import { installTemporalLog } from './worker/temporal-log.js'

/** In the source tree: the build copies no media. */
const ownClosingClip = fileURLToPath(new URL('../../activities/media/closing-clip.mp4', import.meta.url))

await runProgram('media-worker', { ...s3Settings, ...temporalSettings, ...mediaSettings }, async (program) => {
  const { settings, log, registry, signal } = program
  installTemporalLog(log)
  await removeLeftFolders('media')
  observeFreeDisk(registry, 'temp', tmpdir())
  await using store = await connectObjectStore(settings)
  await using temporal = await connectWorker(settings)
  await requireNamespace(temporal.connection, settings)
  program.health = async () => {
    await Promise.all([store.ping(), temporal.ping()])
    return { temporal: 'ok', s3: 'ok' }
  }
  const { FFMPEG_PATH: ffmpegPath, LOGO_VIDEO_PATH, MEDIA_SLOTS } = settings
  const closingClipPath = LOGO_VIDEO_PATH === undefined ? ownClosingClip : resolve(LOGO_VIDEO_PATH)
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue: queues.media,
    activities: {
      ...createPrepareActivities({ store, ffmpegPath }),
      ...createAssembleActivities({ store, ffmpegPath, closingClipPath }),
    },
    maxConcurrentActivityTaskExecutions: MEDIA_SLOTS,
    maxHeartbeatThrottleInterval: '2 seconds', // the SDK's own would let 8 of the 10 s pass
    interceptors: { activity: [activityEdge({ log, registry })] },
    shutdownGraceTime: '30 seconds',
    shutdownForceTime: '40 seconds',
  })
  await runWorker(worker, { signal, log })
})
