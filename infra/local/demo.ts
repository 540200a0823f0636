/** `npm run demo`: one picture and one voice go through the whole service, and demo.mp4 comes out. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProgressLine } from './demo/progress-line.js'
import { type Video, VideoClient } from './demo/video-client.js'
import { root } from './setup/root.mjs'
import { environment } from './stack/environment.js'
import type { Stack } from './stack/stack.js'
import { freePorts } from './stack/stack-settings.js'
import { onTerminal, showNothing } from './supervisor/terminal.js'
import { UserError, withStack } from './stack/with-stack.js'

const pollMs = 300
const picture = join(root, 'examples/single/ref_image.png')
const voice = join(root, 'examples/single/1.wav')
const prompt = 'A woman speaks into a studio microphone'
const output = resolve('demo.mp4')

// Free ports and a folder of its own, unless the environment says otherwise: it runs beside a stack that is up.
const dataDir = mkdtempSync(join(tmpdir(), 'text2video-demo-'))
const env = { ...freePorts, DATA_DIR: dataDir, ...environment() }
console.log('starting the local stack')
let show = onTerminal()
await withStack({ env, show: (part, line) => show(part, line) }, makeDemo)
if (process.exitCode) console.error(`logs: ${env.DATA_DIR}/logs`)
else rmSync(dataDir, { recursive: true, force: true })

async function makeDemo({ apiUrl, temporalUiUrl, namespace }: Stack, signal: AbortSignal): Promise<void> {
  show = showNothing // from here on there is one line, the video's own progress
  const client = new VideoClient(apiUrl, signal)
  const ordered = await client.create(prompt, picture, voice)
  console.log(`\nPOST ${apiUrl}/v1/videos → ${ordered.id}: ${ordered.seconds} s of video`)
  if (temporalUiUrl) console.log(`watch it in ${temporalUiUrl}/namespaces/${namespace}/workflows/${ordered.id}\n`)

  const video = await follow(client, ordered, signal)
  await client.download(video.id, output)
  const megabytes = (statSync(output).size / 1e6).toFixed(2)
  console.log(`\n${output}`)
  console.log(
    `  ${video.seconds} s, ${video.size}, ${megabytes} MB; rendered by ${video.model} in ${video.duration} s\n`,
  )
}

/** Shows the video's own progress until it is completed. */
async function follow(client: VideoClient, ordered: Video, signal: AbortSignal): Promise<Video> {
  using line = new ProgressLine()
  const since = Date.now()
  for (let video = ordered; ; video = await client.get(ordered.id)) {
    const elapsed = process.stdout.isTTY ? `  ${Math.round((Date.now() - since) / 1000)} s` : ''
    line.show(`${video.status.padEnd(10)} ${bar(video.progress)} ${String(video.progress).padStart(3)} %${elapsed}`)
    if (video.status === 'completed') return video
    if (video.status === 'error' || video.status === 'deleted') throw new UserError(`the video failed: ${video.error}`)
    await sleep(pollMs, undefined, { signal })
  }
}

function bar(percent: number): string {
  const filled = Math.round(percent / 4)
  return `${'█'.repeat(filled)}${'░'.repeat(25 - filled)}`
}
