import type { Client } from '@temporalio/client'
import sharp from 'sharp'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import type { Order } from '../../workflows/order.js'
import { startedOrder } from '../support/started-order.js'
import { type BenchFile, submit, toneWav } from './client.js'
import { type Cpu, cpuAtRest, cpuEach, cpuOf, sum, untilQuiet } from './cpu.js'
import { startVideoLike } from './order.js'
import { percentile, printTable, type Row, ratePerSecond } from './report.js'

const width = 8
const measureMs = 6_000
const backlogs = [0, 800, 3_000] as const
/** A queue that no worker serves: its videos stay as they are. */
const unserved = 'bench'

/** What POSTs took, beside bare starts of the same minute. */
type Submits = { bare: number; rate: number; alone: number[]; cpu: { alone: Cpu; many: Cpu } }
type Reads = { one: number; any: number }

/**
 * Orders of a usual size (a picture of 370 KB, a voice of 96 KB) against bare starts of the same workflow, and status of one id and of
 * random ones, with 0, 800 and 3,000 videos queued just before. CPU is that of all processes, until nothing is left to do.
 */
export async function benchApi(stack: Stack): Promise<Row[]> {
  await using temporal = await connectTemporal({
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_NAMESPACE: stack.namespace,
  })
  const { client } = temporal
  // Videos shall stay queued: nodes stand still.
  for (const [part, pid] of Object.entries(stack.pids())) if (/^(node|runner)/.test(part)) process.kill(pid, 'SIGSTOP')
  const files = { picture: await usualPicture(), voice: toneWav(3) }
  // What the API makes of these files: bare starts are of the same order.
  const order = await startedOrder(client, await submit(stack.apiUrl, files.picture, files.voice))
  const ids: string[] = []
  for (let n = 0; n < 100; n++)
    ids.push(await startVideoLike(client, order, { memo: { phase: 'completed' }, taskQueue: unserved }))

  await untilQuiet(stack)
  const atRest = await cpuAtRest(stack)
  const submits: Submits[] = []
  const reads: Reads[] = []
  for (const backlog of backlogs) {
    await untilQuiet(stack)
    reads.push(await measureReads(stack, ids))
    await fill(client, order, backlog)
    submits.push(await measureSubmits(stack, { client, order, files }))
  }
  printCpu(submits, atRest)
  return rowsOf(submits, reads)
}

/** 832 x 480, as people send them; softened to the size of a photograph's PNG of that shape. */
async function usualPicture(): Promise<BenchFile> {
  const bytes = await sharp('examples/single/ref_image.png').resize(832, 480).blur(0.7).png().toBuffer()
  return { name: 'p.png', bytes: Uint8Array.from(bytes) }
}

type Files = { picture: BenchFile; voice: BenchFile }

async function measureSubmits(
  stack: Stack,
  { client, order, files }: { client: Client; order: Order; files: Files },
): Promise<Submits> {
  const times: number[] = []
  const post = async () => {
    const began = performance.now()
    await submit(stack.apiUrl, files.picture, files.voice)
    times.push(performance.now() - began)
  }
  // Submits first: whoever has just queued thousands finds them in the way, if anybody does.
  const counted = async (clients: number) => {
    times.length = 0
    const before = cpuOf(stack)
    const rate = await ratePerSecond(clients, measureMs, post)
    await untilQuiet(stack)
    return { rate, times: [...times], cpu: cpuEach(before, cpuOf(stack), times.length) }
  }
  const many = await counted(width)
  const alone = await counted(1)
  const bare = await ratePerSecond(width, measureMs, () => startVideoLike(client, order))
  await untilQuiet(stack)
  return { bare, rate: many.rate, alone: alone.times, cpu: { alone: alone.cpu, many: many.cpu } }
}

async function measureReads({ apiUrl }: Stack, ids: readonly string[]): Promise<Reads> {
  const get = (id = '') => fetch(`${apiUrl}/v1/videos/${id}`).then((response) => response.arrayBuffer())
  await get(ids[0])
  return {
    one: await ratePerSecond(width, measureMs, () => get(ids[0])),
    any: await ratePerSecond(width, measureMs, () => get(ids[Math.floor(Math.random() * ids.length)])),
  }
}

/** Until so many wait. */
async function fill(client: Client, order: Order, backlog: number): Promise<void> {
  let { count: queued } = await client.workflow.count(`VideoPhase = 'queued'`)
  for (; queued < backlog; queued += 20) {
    await Promise.all(Array.from({ length: 20 }, () => startVideoLike(client, order, { taskQueue: unserved })))
  }
}

/** Milliseconds of CPU an order, by process; beside it what the same processes take when there is none. */
function printCpu(submits: readonly Submits[], atRest: Cpu): void {
  const ofOrders = submits.flatMap(({ cpu }, i) => [
    { name: `${width} clients, ${backlogs[i]} queued`, cpu: cpu.many },
    { name: `alone, ${backlogs[i]} queued`, cpu: cpu.alone },
  ])
  const columns = [...ofOrders, { name: 'at rest, ms a second', cpu: atRest }]
  const parts = [...new Set(columns.flatMap(({ cpu }) => Object.keys(cpu)))].sort()
  const row = (part: string, of: (cpu: Cpu) => number) => [part, ...columns.map(({ cpu }) => of(cpu).toFixed(1))]
  printTable([
    ['CPU ms an order', ...columns.map(({ name }) => name)],
    ...parts.map((part) => row(part, (cpu) => cpu[part] ?? 0)),
    row('all', sum),
  ])
  console.log('')
}

function rowsOf(submits: readonly Submits[], reads: readonly Reads[]): Row[] {
  const [empty] = submits
  const [fewest] = reads
  if (empty === undefined || fewest === undefined) throw new Error('nothing was measured')
  const drop = (of: number, first: number) => ({
    value: of,
    unit: '/s',
    baseline: { what: 'none queued', value: first },
    ratio: of / first,
  })
  return submits.flatMap(({ bare, rate, alone, cpu }, i): Row[] => {
    const queued = `${backlogs[i]} queued`
    const read = reads[i] ?? fewest
    return [
      {
        what: `POST /v1/videos, ${width} clients, ${queued}`,
        ...{ value: rate, unit: '/s', baseline: { what: 'bare workflow.start', value: bare }, ratio: rate / bare },
        wanted: '≥ 0.3',
      },
      {
        what: `CPU an order, ${width} clients, ${queued}`,
        value: sum(cpu.many),
        unit: 'ms',
        parts: cpu.many,
        wanted: '≤ 130',
      },
      { what: `POST /v1/videos, alone, ${queued}, p50`, value: percentile(alone, 0.5), unit: 'ms', wanted: '≤ 80' },
      { what: `POST /v1/videos, alone, ${queued}, p90`, value: percentile(alone, 0.9), unit: 'ms' },
      { what: `CPU an order, alone, ${queued}`, value: sum(cpu.alone), unit: 'ms', parts: cpu.alone },
      ...(i === 0
        ? []
        : [
            { what: `POST /v1/videos, ${width} clients, ${queued}`, ...drop(rate, empty.rate), wanted: '≥ 0.9' },
            { what: `bare workflow.start, ${queued}`, ...drop(bare, empty.bare) },
            { what: `GET of one id, ${queued}`, ...drop(read.one, fewest.one), wanted: '≥ 0.9' },
            { what: `GET of random ids, ${queued}`, ...drop(read.any, fewest.any), wanted: '≥ 0.9' },
          ]),
    ]
  })
}
