import type { Worker } from '@temporalio/worker'
import { once } from 'node:events'
import type { Log } from '../../infra/program/log.js'

/** Runs a worker until `signal` is aborted, then lets it finish within its grace time. Rejects if the worker breaks. */
export async function runWorker(worker: Worker, { signal, log }: { signal: AbortSignal; log: Log }): Promise<void> {
  const ended = new AbortController()
  const running = worker.run().finally(() => ended.abort())
  log.info({ event: 'ready', queue: worker.options.taskQueue }, `takes work from queue ${worker.options.taskQueue}`)
  const asked = signal.aborted ? Promise.resolve() : once(signal, 'abort', { signal: ended.signal }).catch(() => {})
  await Promise.race([running, asked])
  if (worker.getState() === 'RUNNING') worker.shutdown()
  await running
}
