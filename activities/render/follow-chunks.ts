import { type JobRef, type Progress, RunnerCallFailed } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import { failures } from '../../workflows/failures.js'
import type { Rendered } from '../../workflows/video/video-activities.js'
import type { RenderSession, RenderPosition, RenderDependencies } from './render-session.js'
import { ChunkCopies } from './chunk-copies.js'
import { failure } from '../worker/activity-failure.js'
import { followJob } from './follow-job.js'
import { jobFailure } from '../worker/runner-failure.js'
import { storeChunk } from './store-chunk.js'
import type { StoredChunks } from './stored-chunks.js'

type Following = { job: JobRef; done: StoredChunks; session: RenderSession; log: Log }

/**
 * Follows a job of the node's runner to its end and copies each chunk to S3 as it comes. `begin` makes sure that the runner
 * has the job. However it ends, the runner is idle again, unless it is away or the ranks are to go on.
 */
export async function followChunks(
  { store, runner, isLeaving }: RenderDependencies,
  { job, done, session, log }: Following,
  begin: (signal: AbortSignal) => Promise<void>,
): Promise<Rendered> {
  await using copies = new ChunkCopies({
    done,
    generation: job.generation,
    copy: (chunk, framesBefore, signal) => storeChunk(store, { runner, job, signal }, chunk, framesBefore),
    signal: session.signal,
    onRetry: (err, chunk) => log.warn({ event: 'copy-again', chunk, err }, `chunk ${chunk} is copied again`),
  })
  session.reportFirstChunk(done.lineage.length)
  /** Ended without having been finished: nothing of it is there that has not been copied. */
  let isOver = false
  try {
    await begin(copies.signal)
    const rendered = await follow()
    await leave()
    return rendered
  } catch (error) {
    // Kept by its runner, a job that is over would keep the node from the next video until somebody asks after it: 15 s.
    if (session.endsJob(error) || (isOver && !session.signal.aborted)) await leave()
    throw error
  }

  async function follow(): Promise<Rendered> {
    for await (const event of followJob(runner, job, { signal: copies.signal })) {
      switch (event.event) {
        case 'progress':
          session.reportPosition(position(event.progress))
          break
        case 'chunk':
          copies.add(event.chunk)
          break
        case 'interrupted': {
          const { chunk, step } = event.interrupted
          const how = { ...jobFailure(event.interrupted), chunk, step }
          log.warn({ event: 'interrupted', code: how.code, chunk, step }, `the render resumes by itself: ${how.detail}`)
          session.interrupted(how)
          break
        }
        case 'finished':
          return await copies.finished()
        case 'failed': {
          const { code, detail } = jobFailure(event.failed)
          // Where the node is to blame, what it has finished is still worth having.
          if (failures[code].retry === 'always') await copies.finished().catch(() => {})
          isOver = true
          throw failure(code, detail)
        }
        case 'aborted':
          await copies.finished()
          isOver = true
          throw isLeaving()
            ? failure('node_drained', 'its node was taken out of service after the running chunk')
            : failure('runner_lost', 'the job was stopped on its node')
      }
    }
    throw failure('internal', 'the events of the job ended before the job')
  }

  /** Stops the job where it still runs, and has the runner forget it. A failure here changes nothing for the video. */
  async function leave(): Promise<void> {
    try {
      await runner.abort(job)
      await runner.release(job)
    } catch (err) {
      if (err instanceof RunnerCallFailed && err.status === 'ABORTED') return // it holds the job no more
      log.warn({ event: 'not-left', err }, 'the runner did not let go of the job')
    }
  }
}

function position({ chunk, chunks, step, steps, secondsLeft }: Progress): RenderPosition {
  return { chunk, chunks, step, steps, secondsLeft: secondsLeft ?? null }
}
