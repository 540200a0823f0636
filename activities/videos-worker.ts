/** The program that runs the workflows of all videos and of the nightly sweep, and removes what they leave: needs Temporal and S3, no media tools. */
import { Worker } from '@temporalio/worker'
import { runProgram } from '../infra/program/program.js'
import { connectObjectStore } from '../infra/s3/s3-object-store.js'
import { s3Settings, temporalSettings } from '../infra/program/settings.js'
import { prepareNamespace } from '../infra/temporal/temporal.js'
import { connectWorker } from '../infra/temporal/temporal-worker.js'
import { queues } from '../workflows/names.js'
import { activityEdge } from './worker/activity-edge.js'
import { endedVideos } from './worker/ended-videos.js'
import { createRemoveActivities } from './removal/remove.js'
import { runWorker } from './worker/run-worker.js'
import { createSweepActivities } from './removal/sweep.js'
import { ensureSweepSchedule } from './removal/ensure-sweep-schedule.js'
import { openVideos } from './removal/open-videos.js'
import { installTemporalLog } from './worker/temporal-log.js'
import { workflowCode } from './worker/workflow-code.js'

/** About 1 MB each; one that is not cached is replayed when something happens to it. */
const maxCachedWorkflows = 200

/** A lost worker's workflows wait so long for it before another replays them; the SDK's 10 s were the longest part of a restart. */
const stickyWait = '2 seconds'

await runProgram('videos-worker', { ...s3Settings, ...temporalSettings }, async (program) => {
  const { settings, log, registry, signal } = program
  installTemporalLog(log)
  await using store = await connectObjectStore(settings)
  await using temporal = await connectWorker(settings)
  program.health = async () => {
    await Promise.all([store.ping(), temporal.ping()])
    return { temporal: 'ok', s3: 'ok' }
  }
  await prepareNamespace(temporal.connection, settings)
  await ensureSweepSchedule(temporal.client)
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue: queues.videos,
    ...workflowCode(),
    maxCachedWorkflows,
    stickyQueueScheduleToStartTimeout: stickyWait,
    activities: {
      ...createRemoveActivities({ store, log }),
      ...createSweepActivities({ store, isOpen: openVideos(temporal.client), registry, log }),
    },
    interceptors: { activity: [activityEdge({ log, registry })] },
    sinks: endedVideos(registry),
    shutdownGraceTime: '30 seconds',
    shutdownForceTime: '40 seconds',
  })
  await runWorker(worker, { signal, log })
})
