import type { WorkflowHandle } from '@temporalio/client'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { activityEdge } from '../../../activities/worker/activity-edge.js'
import { endedVideos } from '../../../activities/worker/ended-videos.js'
import { workflowCode } from '../../../activities/worker/workflow-code.js'
import { connectTemporal, prepareNamespace, type TemporalClient } from '../../../infra/temporal/temporal.js'
import { connectWorker } from '../../../infra/temporal/temporal-worker.js'
import {
  cancelUpdate,
  deleteUpdate,
  type NodeBack,
  nodeBackUpdate,
  nodeQueue,
  queues,
  renderStartedSignal,
  searchAttributes,
  videoMemoKey,
} from '../../../workflows/names.js'
import type { Order } from '../../../workflows/order.js'
import type { RenderProgress } from '../../../workflows/progress.js'
import { queuedMemo } from '../../../workflows/video/queued-memo.js'
import type { SweepActivities } from '../../../workflows/sweep/sweep-activities.js'
import type { VideoInput, VideoMemo } from '../../../workflows/video.js'
import type {
  AttachRequest,
  Rendered,
  RenderRequest,
  VideoActivities,
} from '../../../workflows/video/video-activities.js'
import type { video } from '../../../workflows/video/video-workflow.js'
import { anAcceptedOrder } from '../api/an-order.js'
import { until } from '../until.js'
import { testStack } from '../test-stack.js'

/** With a film where something is to happen while it is prepared: a picture needs no preparation. */
function playedOrder(id: string, play: Partial<VideoActivities>): Order {
  const order = anAcceptedOrder(id)
  return play.prepare ? { ...order, reference: { ...order.reference, kind: 'video' } } : order
}

/** Activities that succeed at once; a test replaces those that it is about. */
export function willing(): VideoActivities {
  return {
    prepare: async ({ reference: { key, bytes, sha256 } }) => ({ key, bytes, sha256 }),
    render: async () => ({ lineage: [1, 1], frames: 100 }),
    attach: async () => ({ lineage: [1, 1], frames: 100 }),
    assemble: async () => ({ bytes: 1000, sha256: 'cd', frames: 100, seconds: 4 }),
    removeMade: async () => {},
    remove: async () => {},
  }
}

export type Stage = AsyncDisposable & {
  temporal: TemporalClient
  /** What the worker of the workflows counts. */
  registry: Registry
  /** Starts a video as the API does, with `play` as its activities. */
  start(play: Partial<VideoActivities>, options?: { retentionMs?: number }): Promise<StagedVideo>
  /** Has all workers leave, and come back when `meanwhile` is over. */
  unattended(meanwhile: () => Promise<void>): Promise<void>
}

export type StagedVideo = {
  id: string
  handle: WorkflowHandle<typeof video>
  memo(): Promise<VideoMemo>
  /** Resolves when the video is in this phase. */
  reached(phase: VideoMemo['phase']): Promise<VideoMemo>
  /** `reached`: the percent that the API last told. */
  cancel(reached?: number): Promise<VideoMemo>
  remove(): Promise<VideoMemo>
  /** What a node's worker asks when it finds that its runner goes on with a render that nobody follows. */
  tellBack(generation: number, node?: string, progress?: RenderProgress): Promise<boolean>
  /** What a node tells at the start of a render. */
  tellStarted(generation: number, node?: string): Promise<void>
}

/**
 * The real workflow on the real Temporal server, in a namespace of its own, with workers for all queues in this process whose
 * activities are looked up by the video's id.
 */
export async function openStage(): Promise<Stage> {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}), shutdownSignals: [] })
  const namespace = `test-${process.pid}-${Date.now()}`
  const settings = { TEMPORAL_ADDRESS: testStack().temporalAddress, TEMPORAL_NAMESPACE: namespace }
  const temporal = await connectTemporal(settings)
  // A namespace that was just made takes seconds to be seen everywhere.
  await until('the namespace', () =>
    prepareNamespace(temporal.connection, { ...settings, TEMPORAL_CREATE_NAMESPACE: true }).then(
      () => true,
      () => false,
    ),
  )
  const native = await connectWorker(settings)
  const registry = new Registry()
  const sinks = endedVideos(registry)
  const plays = new Map<string, VideoActivities>()
  const played = (videoId: string): VideoActivities => plays.get(videoId) ?? willing()
  const activities: VideoActivities & SweepActivities = {
    sweep: async () => ({ videos: 1, objects: 2, uploads: 3, claims: 4, nodes: 5, unsure: 6 }),
    prepare: (order) => played(order.videoId).prepare(order),
    render: (request: RenderRequest): Promise<Rendered> => played(request.order.videoId).render(request),
    attach: (request: AttachRequest): Promise<Rendered> => played(request.order.videoId).attach(request),
    assemble: (order, rendered) => played(order.videoId).assemble(order, rendered),
    removeMade: (videoId) => played(videoId).removeMade(videoId),
    remove: (videoId) => played(videoId).remove(videoId),
  }
  const edge = activityEdge({ log: pino({ level: 'silent' }), registry: new Registry() })
  const common = {
    ...{ connection: native.connection, namespace, activities, maxHeartbeatThrottleInterval: 100 },
    interceptors: { activity: [edge] },
  }
  const attend = async (): Promise<{ leave: () => Promise<unknown> }> => {
    const workers = await Promise.all([
      Worker.create({ ...common, taskQueue: queues.videos, ...workflowCode(), sinks }),
      Worker.create({ ...common, taskQueue: queues.media }),
      Worker.create({ ...common, taskQueue: queues.gaudi }),
      // The only node whose renders can be taken up again.
      Worker.create({ ...common, taskQueue: nodeQueue('n1') }),
    ])
    const running = Promise.all(workers.map((worker) => worker.run()))
    return {
      leave() {
        for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
        return running
      },
    }
  }
  let attended = await attend()
  let started = 0

  return {
    temporal,
    registry,
    async start(play, { retentionMs = 3_600_000 } = {}) {
      started++
      // Letters alone, since not every digit may stand in an id.
      const letters = String(started).replace(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)))
      const id = `video_1700000000_stage${letters.padStart(5, 'a')}`
      plays.set(id, { ...willing(), ...play })
      const input: VideoInput = { order: playedOrder(id, play), createdAt: Date.now(), retentionMs }
      const handle = await temporal.client.workflow.start<typeof video>('video', {
        workflowId: id,
        taskQueue: queues.videos,
        args: [input],
        memo: { [videoMemoKey]: queuedMemo(input) },
        searchAttributes: { [searchAttributes.phase]: ['queued'] },
      })
      const memo = async () => (await handle.describe()).memo?.[videoMemoKey] as VideoMemo
      return {
        id,
        handle,
        memo,
        async reached(phase) {
          await until(`phase ${phase}`, async () => (await memo()).phase === phase)
          return await memo()
        },
        cancel: (reached = 0) => handle.executeUpdate<VideoMemo, [number]>(cancelUpdate, { args: [reached] }),
        remove: () => handle.executeUpdate<VideoMemo, []>(deleteUpdate),
        tellBack: (generation, node = 'n1', progress) =>
          handle.executeUpdate<boolean, [NodeBack]>(nodeBackUpdate, {
            args: [{ node, generation, ...(progress && { progress }) }],
          }),
        tellStarted: (generation, node = 'n1') =>
          handle.signal(renderStartedSignal, { node, generation, at: Date.now() }),
      }
    },
    async unattended(meanwhile) {
      await attended.leave()
      await meanwhile()
      attended = await attend()
    },
    async [Symbol.asyncDispose]() {
      await attended.leave()
      await native[Symbol.asyncDispose]()
      await temporal[Symbol.asyncDispose]()
    },
  }
}
