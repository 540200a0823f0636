import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { startBenchVideo } from './order.js'
import { type Cores, pinStack, onClientCore } from './pin.js'
import { slowReaders } from './slow-clients.js'
import { cpuSeconds } from './process.js'
import { percentile, type Row } from './report.js'

const mib = 400
const rounds = 5
const run = promisify(execFile)

/**
 * A finished video's file through the API, against the same object read from S3 by a presigned URL; where there is taskset, the
 * store has one core, the API and the client share another. A row for each shows what the API's process spends on a GiB.
 */
export async function benchDownload(stack: Stack): Promise<Row[]> {
  await using store = await connectObjectStore(stack.s3)
  await using temporal = await connectTemporal({
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_NAMESPACE: stack.namespace,
  })
  // The bytes do not matter to a download, their number does; no worker serves the task queue `bench`.
  const file = { bytes: mib * 2 ** 20, sha256: '0'.repeat(64), frames: 25, seconds: 1 }
  const id = await startBenchVideo(temporal.client, { phase: 'completed', file }, 'bench')
  const piece = randomBytes(2 ** 20)
  const large = (async function* () {
    for (let n = 0; n < mib; n++) yield piece
  })()
  await store.upload(objectKeys.output(id), large, { contentType: 'video/mp4' })

  const cores = await pinStack(stack)
  const direct = await store.readUrl(objectKeys.output(id), 600)
  const pid = stack.pids()['api']
  if (pid === undefined) throw new Error('the API is not ours to watch')
  let cpu = 0
  const rates = { api: [] as number[], direct: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    rates.direct.push(await mibPerSecond(direct, cores))
    const before = cpuSeconds(pid)
    rates.api.push(await mibPerSecond(`${stack.apiUrl}/v1/videos/${id}/content`, cores))
    cpu += cpuSeconds(pid) - before
  }
  const [api, raw] = [percentile(rates.api, 0.5), percentile(rates.direct, 0.5)]
  return [
    {
      what: `GET content of ${mib} MiB; ${cores === undefined ? 'not pinned' : 'store on a core, API and client on another'}`,
      value: api,
      unit: 'MiB/s',
      baseline: { what: 'GET from S3', value: raw },
      ratio: api / raw,
      wanted: '≥ 0.5',
    },
    { what: 'CPU of the API for that', value: cpu / ((rounds * mib) / 1024), unit: 's/GiB' },
    await slowReaders(pid, new URL(`${stack.apiUrl}/v1/videos/${id}/content`)),
  ]
}

/** Read by curl, since a client in JavaScript would cost as much as what is measured. */
async function mibPerSecond(url: string, cores: Cores | undefined): Promise<number> {
  const begun = performance.now()
  const [program, args] = onClientCore(cores, 'curl', ['-s', '-o', '/dev/null', '-w', '%{size_download}', url])
  const { stdout } = await run(program, args)
  if (Number(stdout) !== mib * 2 ** 20) throw new Error(`${stdout} bytes came from ${url}`)
  return mib / ((performance.now() - begun) / 1000)
}
