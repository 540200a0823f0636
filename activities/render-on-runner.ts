import { ApplicationFailure, Context } from '@temporalio/activity'
import type { JobRef, Progress, RunnerClient } from '../gaudi-runner/runner-client.js'
import type { Log } from '../infra/log.js'
import type { ObjectStore } from '../infra/object-store.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { RenderProgress } from '../workflows/progress.js'
import type { RenderRequest } from '../workflows/video-activities.js'
import { ChunkCopies } from './chunk-copies.js'
import { type StoredChunks, storeChunk } from './chunk-store.js'
import { failure, failureOf } from './failure.js'
import { followJob } from './follow-job.js'
import { jobFailure } from './runner-failure.js'
import { runnerFiles, runnerOrder } from './runner-order.js'

type Position = Omit<RenderProgress, 'node' | 'generation'>

/**
 * Sends the inputs to the runner, follows the job, and copies each chunk to S3 as it comes. Resolves with the frames in S3.
 * However it ends, the runner is idle again, unless it is away or the activity has to leave while the ranks go on.
 */
export async function renderOnRunner(
  { store, runner, log }: { store: ObjectStore; runner: RunnerClient; log: Log },
  request: RenderRequest,
  done: StoredChunks,
  onProgress: (position: Position) => void,
): Promise<number> {
  const job = { jobId: request.order.videoId, generation: request.generation }
  const videoLog = log.child({ video: job.jobId, generation: job.generation })
  await using copies = new ChunkCopies({
    done,
    copy: (chunk, framesBefore, signal) => storeChunk(store, { runner, job, signal }, chunk, framesBefore),
    signal: Context.current().cancellationSignal,
    onRetry: (err, chunk) => videoLog.warn({ event: 'copy-again', chunk, err }, `chunk ${chunk} is copied again`),
  })
  try {
    await runner.submit(runnerOrder(request, done.count), runnerFiles(store, request, done), { signal: copies.signal })
    videoLog.info({ event: 'submitted', firstChunk: done.count }, `the runner renders from chunk ${done.count} on`)
    const frames = await follow(runner, job, copies, onProgress)
    await leave(runner, job, videoLog)
    return frames
  } catch (failed) {
    const error = done.count > 0 && isInputRefused(failed) ? await withoutChunks(store, job.jobId, failed) : failed
    if (leavesNodeIdle(error)) await leave(runner, job, videoLog)
    throw error
  }
}

/**
 * Refused with a checkpoint among the inputs: it may be that of another engine or version, which is no fault of the client.
 * Without it the next generation starts at the first chunk; if the other inputs are to blame, that one will say so.
 */
async function withoutChunks(store: ObjectStore, videoId: string, refusal: ApplicationFailure): Promise<unknown> {
  await store.removeAll(objectKeys.chunks(videoId))
  return failure('CheckpointRefused', refusal.message)
}

function isInputRefused(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.type === 'InvalidInput'
}

async function follow(
  runner: RunnerClient,
  job: JobRef,
  copies: ChunkCopies,
  onProgress: (position: Position) => void,
): Promise<number> {
  for await (const event of followJob(runner, job, { signal: copies.signal })) {
    switch (event.event) {
      case 'progress':
        onProgress(position(event.progress))
        break
      case 'chunk':
        copies.add(event.chunk)
        break
      case 'interrupted':
        break // the runner goes on by itself
      case 'finished':
        return await copies.finished()
      case 'failed': {
        const { word, message } = jobFailure(event.failed)
        throw failure(word, message)
      }
      case 'aborted':
        throw failure('RunnerLost', 'the job was stopped on its node')
    }
  }
  throw failure('Internal', 'the events of the job ended before the job')
}

function position({ chunk, chunks, step, steps, secondsLeft }: Progress): Position {
  return { chunk, chunks, step, steps, secondsLeft: secondsLeft < 0 ? null : secondsLeft }
}

/**
 * A render that cannot go on stops its job. Not so one that only loses Temporal or its worker: the ranks go on, and a
 * job that nobody wants is ended by the node's next worker (`runner-slot.ts`). Nor one whose runner is away or another's.
 */
function leavesNodeIdle(error: unknown): boolean {
  const { cancellationSignal, cancellationDetails } = Context.current()
  if (cancellationSignal.aborted) return cancellationDetails?.cancelRequested === true
  const failed = failureOf(error)
  return !('type' in failed && (failed.type === 'RunnerLost' || failed.type === 'RunnerBusy'))
}

/** Stops the job where it still runs, and has the runner forget it. A failure here changes nothing for the video. */
async function leave(runner: RunnerClient, job: JobRef, log: Log): Promise<void> {
  try {
    await runner.abort(job)
    await runner.release(job)
  } catch (err) {
    log.warn({ event: 'not-left', err }, 'the runner did not let go of the job')
  }
}
