import { status } from '@grpc/grpc-js'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { AbortRequest__Output as AbortRequest } from '../generated/text2video/runner/v1/AbortRequest.js'
import type { Bytes } from '../generated/text2video/runner/v1/Bytes.js'
import type { Description } from '../generated/text2video/runner/v1/Description.js'
import type { FetchRequest__Output as FetchRequest } from '../generated/text2video/runner/v1/FetchRequest.js'
import type { JobEvent } from '../generated/text2video/runner/v1/JobEvent.js'
import type { JobRef__Output as JobRef } from '../generated/text2video/runner/v1/JobRef.js'
import type { RunnerHandlers } from '../generated/text2video/runner/v1/Runner.js'
import type { WatchRequest__Output as WatchRequest } from '../generated/text2video/runner/v1/WatchRequest.js'
import type { JobName } from '../job/check-order.js'
import type { JobSlot } from '../job/job-slot.js'
import { invalid, RpcError } from '../contract/rpc-error.js'
import { pieceBytes } from '../contract/runner-proto.js'
import { clientStream, serverStream, unary } from './server-call.js'
import { submit } from './submit.js'

export type RunnerServiceDependencies = {
  slot: JobSlot
  describe: () => Description
  /** Takes a folder for each job. */
  jobs: string
  /** A sender from which nothing comes for longer gives its place back. */
  idleMs: number
  /** Resolves when the job of an earlier runner has been taken up: no call is answered before. */
  opened: Promise<void>
  /** Aborts when the runner stops: whoever watches is told. */
  stopping: AbortSignal
  log: Logger
}

/** The service of `runner.proto`, which says what each call means. */
export function runnerService({
  slot,
  describe,
  opened,
  stopping,
  log,
  ...receiving
}: RunnerServiceDependencies): RunnerHandlers {
  return {
    Describe: unary(log, async () => {
      await opened
      return describe()
    }),

    Submit: clientStream(log, async (parts, left) => {
      await opened
      const presets = () => describe().presets ?? []
      return (await submit(parts, left, { slot, presets, log, ...receiving })).view
    }),

    Watch: serverStream(log, async function* (request: WatchRequest, left: AbortSignal): AsyncIterable<JobEvent> {
      await opened
      const job = slot.find(named(request.job))
      try {
        yield* job.follow(request.fromSequence, AbortSignal.any([left, stopping]))
      } catch (error) {
        throw stopping.aborted ? new RpcError(status.UNAVAILABLE, 'the runner is stopping', 'runner_draining') : error
      }
    }),

    Fetch: serverStream(log, async function* (request: FetchRequest): AsyncIterable<Bytes> {
      await opened
      const job = slot.find(named(request.job))
      const artifact = job.artifact(request.name)
      if (!artifact) throw new RpcError(status.NOT_FOUND, `job ${job.name.jobId} has no artifact of that name`)
      const file = createReadStream(join(job.folder, artifact.name), { highWaterMark: pieceBytes })
      try {
        for await (const data of file) yield { data: data as Buffer }
      } catch (error) {
        if (!file.errored) throw error
        slot.damaged(job)
        throw new RpcError(status.NOT_FOUND, `${artifact.name} is gone from this node: ${file.errored.message}`)
      }
    }),

    Abort: unary(log, async ({ afterChunk, ...ref }: AbortRequest) => {
      await opened
      const name = named(ref)
      const job = afterChunk ? slot.abortAfterChunk(name) : await slot.abort(name)
      // What is not held does not run: to whoever wants it stopped, that is the same.
      return job?.view ?? { ...name, state: 'ABORTED' as const, lastSequence: 0 }
    }),

    Release: unary(log, async (ref: JobRef) => {
      await opened
      await slot.release(named(ref))
      return {}
    }),
  }
}

function named(ref: JobRef | null): JobName {
  if (!ref?.jobId) throw invalid('no job is named')
  return ref
}
