import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client'
import type { ApiParts } from '../../../api/api-parts.js'
import { createApp } from '../../../api/app.js'
import { TrustedProxies } from '../../../api/http/client-address.js'
import { LingeringClose } from '../../../api/http/lingering-close.js'
import { createApiMetrics } from '../../../api/http/metrics.js'
import { Nodes } from '../../../api/queue/nodes.js'
import { type Patience, usualPatience } from '../../../api/intake/pour-body.js'
import { QueueView } from '../../../api/queue/queue-view.js'
import type { Readiness } from '../../../api/http/readiness.js'
import { startServer } from '../../../api/http/server.js'
import { Slots } from '../../../infra/program/slots.js'
import { UploadPlaces } from '../../../api/intake/upload-places.js'
import { VideoReader } from '../../../api/videos/video-reader.js'
import type { VideoMemo } from '../../../workflows/video.js'
import { ffmpegPath } from './api-media.js'
import { MemoryObjectStore } from '../faults/memory-object-store.js'

/** What a fake Temporal remembers of a start. */
export type Started = { id: string; memo: VideoMemo; options: any; isClosed?: boolean }

/** The API as it is, on a bucket in memory and a Temporal that remembers starts. */
export type TestApi = AsyncDisposable & {
  url: string
  port: number
  store: MemoryObjectStore
  started: Started[]
  /** How Temporal behaves from now on. */
  temporal: { start: 'answers' | 'refuses' | 'loses its answer'; describe: 'answers' | 'refuses' }
  stopping: AbortController
}

export type TestApiOptions = {
  patience?: Partial<Patience>
  uploads?: number
  parts?: Partial<Omit<ApiParts, 'present'>>
}

const grpcUnavailable = () =>
  Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: 'no connection', metadata: {} })

const alreadyStarted = (id: string) => new WorkflowExecutionAlreadyStartedError('already started', id, 'video')

export async function startTestApi({ patience, uploads = 16, parts }: TestApiOptions = {}): Promise<TestApi> {
  const store = await MemoryObjectStore.start()
  const started: Started[] = []
  const temporal: TestApi['temporal'] = { start: 'answers', describe: 'answers' }
  const client = {
    withDeadline: (_at: number, call: () => unknown) => call(),
    workflow: {
      async start(_type: string, options: any) {
        await Promise.resolve()
        if (temporal.start === 'refuses') throw grpcUnavailable()
        if (started.some(({ id }) => id === options.workflowId)) throw alreadyStarted(options.workflowId)
        started.push({ id: options.workflowId, memo: options.memo.video, options })
        if (temporal.start === 'loses its answer') throw grpcUnavailable()
      },
      getHandle: (id: string) => ({
        async describe() {
          await Promise.resolve()
          if (temporal.describe === 'refuses') throw grpcUnavailable()
          const found = started.find((video) => video.id === id)
          if (found === undefined) throw new WorkflowNotFoundError('not found', id, undefined)
          return {
            workflowId: id,
            status: { name: found.isClosed === true ? 'COMPLETED' : 'RUNNING' },
            memo: { video: found.memo },
            typedSearchAttributes: { getAll: () => [] },
            raw: { pendingActivities: [] },
          }
        },
      }),
    },
  } as unknown as Client
  const log = parts?.log ?? pino({ level: process.env['TEST_LOG'] ?? 'silent' })
  const metrics = createApiMetrics(new Registry())
  const nothing = async function* () {}
  const stopping = new AbortController()
  const nodes = new Nodes(store, log)
  const app = createApp({
    client,
    log,
    metrics,
    readiness: { requireForUpload: () => Promise.resolve() } as unknown as Readiness,
    receiving: {
      store,
      heldBytes: 2 ** 20,
      metrics,
      patience: { ...usualPatience, ...patience },
      checking: { store, ffmpegPath: ffmpegPath(), maxSeconds: 20, slots: new Slots(2) },
    },
    uploads: new UploadPlaces({ places: uploads, perAddress: 4 }),
    lingering: new LingeringClose(stopping.signal, { silenceMs: 1_000 }),
    trusted: new TrustedProxies([]),
    allowedHosts: [],
    reader: new VideoReader(client),
    queue: new QueueView({ unfinished: nothing, changedSince: nothing, closedSince: nothing }, log),
    nodes,
    retentionDays: 30,
    model: 'InfiniteTalk-demo',
    signal: stopping.signal,
    ...parts,
  })
  const server = await startServer(app, { host: '127.0.0.1', port: 0, graceMs: 5_000, log })
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    store,
    started,
    temporal,
    stopping,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await server[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** Waits until something holds, for at most 10 s. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never happened: ${what}`)
}
