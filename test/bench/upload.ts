import { execFile } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { apiSettings } from '../../infra/program/settings.js'
import type { Stack } from '../../infra/local/stack/stack.js'
import { toneWav } from './client.js'
import { rss } from './process.js'
import { slowSenders } from './slow-clients.js'
import { percentile, type Row } from './report.js'

const partBytes = 8 * 2 ** 20
/** Below the API's 500 MB a video. */
const fileBytes = 470 * 2 ** 20
const files = 2
const atOnce = 16
const bufferMiB = apiSettings.UPLOAD_BUFFER_MIB.parse(undefined)
const curl = promisify(execFile)

/** 1 GB of reference videos through the API, against the SDK's own multipart calls to the same MinIO. */
export async function benchUpload(stack: Stack): Promise<Row[]> {
  const path = join(stack.dataDir, 'large.mp4')
  await writeLargeVideo(path)
  try {
    const pid = stack.pids()['api']
    if (pid === undefined) throw new Error('the API is not ours to watch')
    await post(stack.apiUrl, path)
    const before = rss(pid)
    let most = before
    const watch = setInterval(() => (most = Math.max(most, rss(pid))), 50)
    const rates = { api: [] as number[], raw: [] as number[] }
    for (let round = 0; round < 3; round++) {
      rates.raw.push(await mibPerSecond(() => rawUpload(stack, path)))
      rates.api.push(await mibPerSecond(() => post(stack.apiUrl, path)))
    }
    const oneByOne = most - before
    most = before
    await Promise.all(Array.from({ length: atOnce }, () => post(stack.apiUrl, path)))
    clearInterval(watch)
    const [api, raw] = [percentile(rates.api, 0.5), percentile(rates.raw, 0.5)]
    return [
      {
        what: `POST of ${files} videos of 470 MiB, checked and accepted`,
        value: api,
        unit: 'MiB/s',
        baseline: { what: "the SDK's multipart, 4 parts of 8 MiB at once", value: raw },
        ratio: api / raw,
        wanted: '≥ 0.8',
      },
      { what: 'RSS of the API beyond that before, at most', value: oneByOne, unit: 'MiB', wanted: '≤ 80' },
      {
        what: `the same with ${atOnce} of them at once`,
        value: most - before,
        unit: 'MiB',
        wanted: `≤ UPLOAD_BUFFER_MIB (${bufferMiB}) + 80`,
      },
      await slowSenders(pid, new URL(stack.apiUrl)),
    ]
  } finally {
    await rm(path, { force: true })
  }
}

async function mibPerSecond(once: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  for (let n = 0; n < files; n++) await once()
  return (files * fileBytes) / 2 ** 20 / ((performance.now() - begun) / 1000)
}

/** Sent by curl, since a client in JavaScript would cost as much as what is measured. */
async function post(apiUrl: string, path: string): Promise<void> {
  const voice = `${path}.wav`
  await writeFile(voice, toneWav(1).bytes)
  const fields = ['steps=1', `audio=@${voice}`, `input_reference=@${path}`].flatMap((field) => ['-F', field])
  const { stdout } = await curl('curl', ['-s', ...fields, `${apiUrl}/v1/videos`])
  if ((JSON.parse(stdout) as { id?: string }).id === undefined) throw new Error(`refused: ${stdout}`)
}

async function rawUpload({ s3 }: Stack, path: string): Promise<void> {
  const client = new S3Client({
    endpoint: s3.S3_ENDPOINT,
    region: s3.S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: s3.S3_ACCESS_KEY, secretAccessKey: s3.S3_SECRET_KEY },
  })
  const target = { Bucket: s3.S3_BUCKET, Key: 'bench/raw.mp4' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
  const parts: { ETag: string | undefined; PartNumber: number }[] = []
  const running = new Set<Promise<void>>()
  let PartNumber = 0
  for await (const Body of createReadStream(path, { highWaterMark: partBytes })) {
    const part = { ETag: undefined as string | undefined, PartNumber: ++PartNumber }
    parts.push(part)
    const sent = client
      .send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }))
      .then(({ ETag }) => {
        part.ETag = ETag
      })
      .finally(() => running.delete(sent))
    running.add(sent)
    if (running.size >= 4) await Promise.race(running)
  }
  await Promise.all(running)
  await client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: parts } }))
  client.destroy()
}

/** Our example video, made large by a box that players and checks skip. */
async function writeLargeVideo(path: string): Promise<void> {
  const video = readFileSync('examples/single/ref_video.mp4')
  const box = Buffer.alloc(8)
  box.writeUInt32BE(fileBytes - video.length, 0)
  box.write('free', 4)
  const file = await open(path, 'w')
  try {
    await file.write(video)
    await file.write(box)
    await file.truncate(fileBytes)
  } finally {
    await file.close()
  }
}
