import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Client } from '@temporalio/client'
import { Worker } from '@temporalio/worker'
import type { TemporalAddress } from '../../infra/temporal/temporal.js'
import { connectWorker } from '../../infra/temporal/temporal-worker.js'
import { videoTimes } from './history.js'

const taskQueue = 'bench-bare'

/** Started → activity runs, one at a time, and the gaps of a worker with one slot between queued activities; ms. */
export async function bareDispatch(
  settings: TemporalAddress,
  client: Client,
  rounds: number,
): Promise<{ toRun: number[]; gaps: number[] }> {
  await using connected = await connectWorker(settings)
  const worker = await Worker.create({
    connection: connected.connection,
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
    activities: { bare: () => sleep(200) },
    maxConcurrentActivityTaskExecutions: 1,
  })
  return await worker.runUntil(async () => {
    const start = (n: string) => client.workflow.start('bare', { taskQueue, workflowId: `bare-${n}` })
    await (await start('first')).result()
    const toRun: number[] = []
    for (let round = 0; round < rounds; round++) {
      const handle = await start(`idle-${round}`)
      await handle.result()
      const { accepted, bare } = await videoTimes(client, handle.workflowId)
      toRun.push((bare?.started ?? Number.NaN) - accepted)
    }
    const queued = await Promise.all(Array.from({ length: rounds }, (_, n) => start(`queued-${n}`)))
    await Promise.all(queued.map((handle) => handle.result()))
    const runs = (await Promise.all(queued.map((handle) => videoTimes(client, handle.workflowId))))
      .flatMap(({ bare }) => (bare ? [bare] : []))
      .sort((a, b) => a.started - b.started)
    return { toRun, gaps: runs.slice(1).map((run, n) => run.started - (runs[n]?.completed ?? 0)) }
  })
}
