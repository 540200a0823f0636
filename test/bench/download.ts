import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { startBenchVideo } from './order.js'
import { percentile, type Row } from './report.js'

const mib = 400
const curl = promisify(execFile)

/** A finished video's file through the API, against the same object read from S3 by a presigned URL. */
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

  const direct = await store.readUrl(objectKeys.output(id), 600)
  const rates = { api: [] as number[], direct: [] as number[] }
  for (let round = 0; round < 5; round++) {
    rates.direct.push(await mibPerSecond(direct))
    rates.api.push(await mibPerSecond(`${stack.apiUrl}/v1/videos/${id}/content`))
  }
  const [api, raw] = [percentile(rates.api, 0.5), percentile(rates.direct, 0.5)]
  return [
    {
      what: `GET content of ${mib} MiB`,
      value: api,
      unit: 'MiB/s',
      baseline: { what: 'GET from S3', value: raw },
      ratio: api / raw,
      wanted: '≥ 0.9',
    },
  ]
}

/** Read by curl, since a client in JavaScript would cost as much as what is measured. */
async function mibPerSecond(url: string): Promise<number> {
  const begun = performance.now()
  const { stdout } = await curl('curl', ['-s', '-o', '/dev/null', '-w', '%{size_download}', url])
  if (Number(stdout) !== mib * 2 ** 20) throw new Error(`${stdout} bytes came from ${url}`)
  return mib / ((performance.now() - begun) / 1000)
}
