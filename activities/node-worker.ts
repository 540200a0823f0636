/** The program beside a node's runner: takes one video at a time when the runner is idle. Needs Temporal, S3 and the runner. */
import { Worker, type WorkerOptions } from '@temporalio/worker'
import { connectRunner } from '../gaudi-runner/client/runner-client.js'
import { runProgram } from '../infra/program/program.js'
import { connectObjectStore } from '../infra/s3/s3-object-store.js'
import { nodeSettings, s3Settings, temporalSettings } from '../infra/program/settings.js'
import { connectTemporal, requireNamespace } from '../infra/temporal/temporal.js'
import { connectWorker } from '../infra/temporal/temporal-worker.js'
import { nodeQueue, queues } from '../workflows/names.js'
import { activityEdge } from './worker/activity-edge.js'
import { askWorkflow, believedOn } from './node/ask-workflow.js'
import { FollowedJobs } from './render/followed-jobs.js'
import { announceNode } from './node/node-announcement.js'
import { NodeDrain } from './node/node-drain.js'
import { createRenderActivities } from './render/render.js'
import { createRenderMetrics } from './render/render-metrics.js'
import { createWorkflowSignals } from './render/workflow-signals.js'
import { runWorker } from './worker/run-worker.js'
import { RunnerSlot } from './node/runner-slot.js'
import { OrphanJobs } from './node/orphan-jobs.js'
import { installTemporalLog } from './worker/temporal-log.js'

await runProgram('node-worker', { ...s3Settings, ...temporalSettings, ...nodeSettings }, async (program) => {
  const { settings, registry, signal } = program
  const node = settings.NODE_NAME
  const log = program.log.child({ node })
  installTemporalLog(log)
  await using store = await connectObjectStore(settings)
  await using runner = connectRunner(settings.RUNNER_ADDRESS)
  await using temporal = await connectWorker(settings)
  await requireNamespace(temporal.connection, settings)
  await using asked = await connectTemporal(settings)
  program.health = async () => {
    const [description] = await Promise.all([runner.describe(), store.ping(), temporal.ping()])
    return { temporal: 'ok', s3: 'ok', runner: description.state }
  }
  const metrics = createRenderMetrics(registry)
  const followed = new FollowedJobs()
  await using drain = await NodeDrain.start({ node, store, runner, followed, log })
  const isDraining = () => signal.aborted || drain.mode !== undefined
  await using _announced = announceNode({ node, runner, store, isDraining, log })
  const common = {
    connection: temporal.connection,
    namespace: settings.TEMPORAL_NAMESPACE,
    identity: `${node}@${process.pid}`,
    activities: createRenderActivities({
      ...{ store, runner, node, followed, metrics, log },
      isLeaving: () => drain.mode === 'chunk',
      signals: createWorkflowSignals(asked.client),
    }),
    // Progress is as fresh as heartbeats are let through.
    maxHeartbeatThrottleInterval: '500 milliseconds',
    interceptors: { activity: [activityEdge({ log, registry })] },
    // A render is left at once: the ranks go on by themselves, and no grace is long enough for an hour of work.
    shutdownGraceTime: 0,
    shutdownForceTime: '30 seconds',
  } satisfies Omit<WorkerOptions, 'taskQueue'>
  const none = { type: 'fixed-size', numSlots: 1 } as const // kinds of work that never come
  const isWanted = askWorkflow(asked.client, node)
  const believedHere = believedOn(asked.client, node)
  const renders = await Worker.create({
    ...common,
    taskQueue: queues.gaudi,
    tuner: {
      activityTaskSlotSupplier: new RunnerSlot({
        runner,
        orphans: new OrphanJobs({ node, runner, followed, isWanted, believedHere, metrics, log }),
        isDraining,
        log,
      }),
      workflowTaskSlotSupplier: none,
      localActivityTaskSlotSupplier: none,
      nexusTaskSlotSupplier: none,
    },
    maxConcurrentActivityTaskPolls: 1,
  })
  // Renders that the runner holds already are taken up whatever the slot says.
  const attaches = await Worker.create({
    ...common,
    taskQueue: nodeQueue(node),
    maxConcurrentActivityTaskExecutions: 4,
    maxConcurrentActivityTaskPolls: 1,
  })
  await Promise.all([renders, attaches].map((worker) => runWorker(worker, { signal, log })))
})
