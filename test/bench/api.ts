import type { Client } from '@temporalio/client'
import sharp from 'sharp'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { queues } from '../../workflows/names.js'
import { submit, toneWav } from './client.js'
import { startBenchVideo } from './order.js'
import { percentile, type Row, ratePerSecond } from './report.js'

const width = 8
const measureMs = 6_000
const backlog = 3_000

/** Submit against a bare start, and status of one id and of random ones, each at 0 and at 3,000 queued. */
export async function benchApi(stack: Stack): Promise<Row[]> {
  // Videos shall stay queued: no media tools and no node.
  for (const [part, pid] of Object.entries(stack.pids())) if (/^(media|node)/.test(part)) process.kill(pid, 'SIGSTOP')
  const settings = { TEMPORAL_ADDRESS: stack.temporalAddress, TEMPORAL_NAMESPACE: stack.namespace }
  await using temporal = await connectTemporal(settings)
  return await measure(stack, temporal.client)
}

async function measure({ apiUrl }: Stack, client: Client): Promise<Row[]> {
  // Small, so that what is measured is the way of a request and not the decoding of its picture.
  const small = await sharp('examples/single/ref_image.png').resize(320, 320).png().toBuffer()
  const picture = { name: 'p.png', bytes: Uint8Array.from(small) }
  const voice = toneWav(1)
  const get = (id: string) => fetch(`${apiUrl}/v1/videos/${id}`).then((response) => response.arrayBuffer())
  const ids: string[] = []
  // Known videos that are not in the queue: no worker serves their task queue.
  for (let n = 0; n < 100; n++) ids.push(await startBenchVideo(client, { phase: 'completed' }, 'bench'))
  const random = () => ids[Math.floor(Math.random() * ids.length)] ?? ''

  const status = async () => ({
    one: await ratePerSecond(width, measureMs, () => get(ids[0] ?? '')),
    any: await ratePerSecond(width, measureMs, () => get(random())),
  })
  const submits = async () => {
    const rates = { bare: [] as number[], post: [] as number[] }
    for (let round = 0; round < 3; round++) {
      rates.bare.push(await ratePerSecond(width, measureMs / 2, () => startBenchVideo(client)))
      rates.post.push(await ratePerSecond(width, measureMs / 2, () => submit(apiUrl, picture, voice)))
    }
    return { bare: percentile(rates.bare, 0.5), post: percentile(rates.post, 0.5) }
  }

  await get(random())
  const statusEmpty = await status()
  const submitEmpty = await submits()
  let queued = (await client.workflow.count(`VideoPhase = 'queued'`)).count
  while (queued < backlog) {
    await Promise.all(Array.from({ length: 20 }, () => startBenchVideo(client)))
    queued += 20
  }
  await settled(client)
  const statusFull = await status()
  const submitFull = await submits()

  const drop = (full: number, empty: number) => ({ value: full, ratio: full / empty })
  return [
    {
      what: 'POST /v1/videos, none queued at first',
      value: submitEmpty.post,
      unit: '/s',
      baseline: { what: 'bare workflow.start', value: submitEmpty.bare },
      ratio: submitEmpty.post / submitEmpty.bare,
      wanted: '≥ 0.5',
    },
    {
      what: `POST /v1/videos, ${backlog} queued`,
      ...drop(submitFull.post, submitEmpty.post),
      unit: '/s',
      baseline: { what: 'none queued', value: submitEmpty.post },
      wanted: '≥ 0.9',
    },
    {
      what: `bare workflow.start, ${backlog} queued`,
      ...drop(submitFull.bare, submitEmpty.bare),
      unit: '/s',
      baseline: { what: 'none queued', value: submitEmpty.bare },
    },
    {
      what: `GET of one id, ${backlog} queued`,
      ...drop(statusFull.one, statusEmpty.one),
      unit: '/s',
      baseline: { what: 'none queued', value: statusEmpty.one },
      wanted: '≥ 0.9',
    },
    {
      what: `GET of random ids, ${backlog} queued`,
      ...drop(statusFull.any, statusEmpty.any),
      unit: '/s',
      baseline: { what: 'none queued', value: statusEmpty.any },
      wanted: '≥ 0.9',
    },
  ]
}

/** Until the workflow worker has nothing to do: what is measured next shall not share the machine with it. */
async function settled(client: Client): Promise<void> {
  for (;;) {
    const { stats } = await client.connection.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: queues.videos },
      taskQueueType: 1,
      reportStats: true,
    })
    if (Number(stats?.approximateBacklogCount ?? 0) === 0) break
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  await new Promise((resolve) => setTimeout(resolve, 3_000))
}
