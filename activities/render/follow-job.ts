import {
  type JobRef,
  RunnerCallFailed,
  type RunnerClient,
  type RunnerEvent,
} from '../../gaudi-runner/client/runner-client.js'
import { abortableSleep } from '../worker/abortable-sleep.js'
import { failure } from '../worker/activity-failure.js'
import { isAway, runnerLostAfterMs } from '../worker/runner-failure.js'

const againAfterMs = 250

/**
 * The job's events up to the one that ends it, each once and in order, over as many connections as it takes.
 * Fails with `runner_lost` once the runner has stayed away for `lostAfterMs`, and at once when it no longer knows the job.
 */
export async function* followJob(
  runner: Pick<RunnerClient, 'watch'>,
  job: JobRef,
  { signal, lostAfterMs = runnerLostAfterMs }: { signal: AbortSignal; lostAfterMs?: number },
): AsyncIterable<RunnerEvent> {
  let from = 0
  let awaySince: number | undefined
  for (;;) {
    try {
      for await (const event of runner.watch(job, from, { signal })) {
        awaySince = undefined
        from = event.sequence + 1
        yield event
        if (isEnd(event)) return
      }
    } catch (error) {
      if (!(error instanceof RunnerCallFailed) || !isAway(error)) throw error
    }
    awaySince ??= Date.now()
    if (Date.now() - awaySince > lostAfterMs) {
      throw failure('runner_lost', `the node's runner has been away for ${Math.round(lostAfterMs / 1000)} s`)
    }
    await abortableSleep(againAfterMs, signal)
  }
}

function isEnd({ event }: RunnerEvent): boolean {
  return event === 'finished' || event === 'failed' || event === 'aborted'
}
