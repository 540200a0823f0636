import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connectObjectStore } from '../infra/s3-object-store.js'
import type { Stack } from '../infra/stack/stack.js'
import { objectKeys } from '../workflows/object-keys.js'
import { completed, submit, toneWav } from './bench-client.js'
import { percentile, type Row } from './bench-report.js'

const mib = 400

/** A finished video's file through the API, against the same object read from S3 by a presigned URL. */
export async function benchDownload(stack: Stack): Promise<Row[]> {
  await using store = await connectObjectStore(stack.s3)
  const picture = { name: 'p.png', bytes: new Uint8Array(readFileSync('examples/single/ref_image.png')) }
  const id = await submit(stack.apiUrl, picture, toneWav(1), { steps: '1' })
  await completed(stack.apiUrl, id)
  // The bytes do not matter to a download, their number does.
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

async function mibPerSecond(url: string): Promise<number> {
  const begun = performance.now()
  const response = await fetch(url)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.length
  if (bytes !== mib * 2 ** 20) throw new Error(`${bytes} bytes came from ${url}`)
  return mib / ((performance.now() - begun) / 1000)
}
