import { ChannelCredentials, type ClientReadableStream, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js'
import { createHash } from 'node:crypto'
import { addAbortListener } from 'node:events'
import type { Artifact__Output as Artifact } from '../generated/text2video/runner/v1/Artifact.js'
import type { ChunkDone__Output as ChunkDone } from '../generated/text2video/runner/v1/ChunkDone.js'
import type { Description__Output as Description } from '../generated/text2video/runner/v1/Description.js'
import type { Failed__Output as Failed } from '../generated/text2video/runner/v1/Failed.js'
import type { Finished__Output as Finished } from '../generated/text2video/runner/v1/Finished.js'
import type { Interrupted__Output as Interrupted } from '../generated/text2video/runner/v1/Interrupted.js'
import type { Job__Output as Job } from '../generated/text2video/runner/v1/Job.js'
import type { JobEvent__Output as JobEvent } from '../generated/text2video/runner/v1/JobEvent.js'
import type { JobRef__Output as JobRef } from '../generated/text2video/runner/v1/JobRef.js'
import type { Progress__Output as Progress } from '../generated/text2video/runner/v1/Progress.js'
import { RunnerCallFailed } from '../contract/runner-call-failed.js'
import { loadRunnerProto, maxMessageBytes } from '../contract/runner-proto.js'
import { type RunnerOrder, sendSubmission, type SubmittedFile } from './send-submission.js'

export type { Artifact, ChunkDone, Description, Failed, Finished, Interrupted, Job, JobRef, Progress, RunnerOrder }
export type { SubmittedFile }
export { RunnerCallFailed }

/** An event of a job: exactly the field that `event` names is there. */
export type RunnerEvent = { sequence: number } & (
  | { event: 'progress'; progress: Progress }
  | { event: 'chunk'; chunk: ChunkDone }
  | { event: 'interrupted'; interrupted: Interrupted }
  | { event: 'finished'; finished: Finished }
  | { event: 'failed'; failed: Failed }
  | { event: 'aborted' }
)

/** `deadlineMs`: when the whole call must have ended, from now; without one only `signal` (and a dead connection) ends a stream. */
export type CallOptions = { signal?: AbortSignal | undefined; deadlineMs?: number | undefined }

/**
 * One node's runner, as `runner.proto` describes it. Every call rejects with `RunnerCallFailed`, or with its signal's reason.
 * Nothing is tried again here: what may be repeated is the caller's decision. A lost connection is made again by itself.
 */
export interface RunnerClient extends AsyncDisposable {
  describe(options?: CallOptions): Promise<Description>
  /** Sends the order and its files; each file is opened only when its turn comes, and none if the runner holds the job already. */
  submit(order: RunnerOrder, files: readonly SubmittedFile[], options?: CallOptions): Promise<Job>
  /** Events from `fromSequence` on (0: all), until the one that ends the job: finished, failed or aborted. */
  watch(job: JobRef, fromSequence: number, options?: CallOptions): AsyncIterable<RunnerEvent>
  /** The artifact's bytes. Throws `DamagedArtifact` at the end if length or sha256 is not what the event said. */
  fetch(job: JobRef, artifact: Artifact, options?: CallOptions): AsyncIterable<Buffer>
  /**
   * Answers once the ranks are free; by default waits up to 3 minutes for that. With `afterChunk` it answers at once, and
   * the job's last event comes when its running chunk is there.
   */
  abort(job: JobRef, options?: CallOptions & { afterChunk?: boolean }): Promise<Job>
  release(job: JobRef, options?: CallOptions): Promise<void>
}

/** Bytes that are not those the runner announced. */
export class DamagedArtifact extends Error {}

/** Longer than a stall is waited for, and the ranks' end after it: with the usual settings 132 s. */
const usualAbortMs = 180_000

/** Connects lazily; `address` is host:port. Dispose to close the channel. */
export function connectRunner(address: string): RunnerClient {
  const { Runner } = loadRunnerProto()
  const client = new Runner(address, ChannelCredentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    // A runner on this machine is back within seconds: gRPC's own back-off goes up to two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    // A node that lost its power closes no connection; a Watch would wait for ever.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5000,
  })

  return {
    describe: (options) => unary('Describe', options, 5000, (call, answer) => client.describe({}, call, answer)),
    submit: (order, files, options = {}) =>
      sendSubmission((answer) => client.submit(deadline(options), answer), order, files, options.signal),
    async *watch(job, fromSequence, options) {
      for await (const event of receive(
        'Watch',
        client.watch({ job, fromSequence }, deadline(options)),
        options?.signal,
      )) {
        const known = knownEvent(event)
        if (known) yield known
      }
    },
    async *fetch(job, artifact, options) {
      const hash = createHash('sha256')
      let bytes = 0
      const pieces = client.fetch({ job, name: artifact.name }, deadline(options))
      for await (const { data } of receive('Fetch', pieces, options?.signal)) {
        hash.update(data)
        bytes += data.length
        yield data
      }
      if (bytes !== artifact.bytes || hash.digest('hex') !== artifact.sha256)
        throw new DamagedArtifact(
          `${artifact.name}: ${bytes} bytes came, not the ${artifact.bytes} that were announced`,
        )
    },
    abort: ({ jobId, generation }, { afterChunk = false, ...options } = {}) =>
      unary('Abort', options, usualAbortMs, (call, answer) =>
        client.abort({ jobId, generation, afterChunk }, call, answer),
      ),
    async release(job, options) {
      await unary('Release', options, 10_000, (call, answer) => client.release(job, call, answer))
    },
    async [Symbol.asyncDispose]() {
      client.close()
    },
  }
}

type Answer<T> = (error: ServiceError | null, value?: T) => void

function deadline(options: CallOptions = {}): { deadline?: number } {
  return options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs }
}

function unary<T>(
  name: string,
  { signal, deadlineMs }: CallOptions = {},
  usualDeadlineMs: number,
  start: (options: { deadline: number }, answer: Answer<T>) => ClientUnaryCall,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const call = start({ deadline: Date.now() + (deadlineMs ?? usualDeadlineMs) }, (error, value) => {
      left?.[Symbol.dispose]()
      if (signal?.aborted) reject(signal.reason)
      else if (error) reject(new RunnerCallFailed(name, error))
      else resolve(value as T)
    })
    const left = signal && addAbortListener(signal, () => call.cancel())
  })
}

/** Leaving the loop early cancels the call. */
async function* receive<T>(name: string, call: ClientReadableStream<T>, signal?: AbortSignal): AsyncIterable<T> {
  using _cancel = signal && addAbortListener(signal, () => call.cancel())
  try {
    for await (const message of call) yield message as T
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw isServiceError(error) ? new RunnerCallFailed(name, error) : error
  } finally {
    call.on('error', () => {}) // the cancellation below, heard by nobody else
    call.cancel()
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error
}

/** Undefined for an event of a newer contract: its number is skipped. */
function knownEvent({ sequence, event, ...events }: JobEvent): RunnerEvent | undefined {
  const { progress, chunk, interrupted, finished, failed } = events
  if (event === 'progress' && progress) return { sequence, event, progress }
  if (event === 'chunk' && chunk) return { sequence, event, chunk }
  if (event === 'interrupted' && interrupted) return { sequence, event, interrupted }
  if (event === 'finished' && finished) return { sequence, event, finished }
  if (event === 'failed' && failed) return { sequence, event, failed }
  return event === 'aborted' ? { sequence, event } : undefined
}
