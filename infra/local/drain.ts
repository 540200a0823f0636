/**
 * `npm run drain -- NODE [--now] [--undo]`: takes a node out of service, and shows how it leaves.
 *
 *   NODE         after the video that it renders
 *   NODE --now   after the chunk that it renders; the video goes on elsewhere from there
 *   NODE --undo  back into service
 *
 * It may be interrupted: what was asked of the node holds, over its restarts as well, until it is undone.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DrainRequest, type NodeAnnouncement, nodeFormat, nodeGoneMs } from '../../workflows/node.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { ObjectStore } from '../s3/object-store.js'
import { connectObjectStore } from '../s3/s3-object-store.js'
import { BadSettings, readSettings, s3Settings, stackSettings } from '../program/settings.js'
import { readStored } from '../files/stored-format.js'
import { environment } from './stack/environment.js'
import { StartProblem } from '../program/start-problem.js'

const usage = 'usage: npm run drain -- NODE [--now] [--undo]'
const lookEveryMs = 1_000

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { now: { type: 'boolean', default: false }, undo: { type: 'boolean', default: false } },
  })
  const [node, ...others] = positionals
  if (node === undefined || others.length > 0 || !/^[a-z0-9-]{1,40}$/.test(node)) throw new BadSettings(usage)
  await using store = await connectObjectStore(bucket())
  if (values.undo) {
    await store.removeAll(objectKeys.drain(node))
    console.log(`${node} may take videos again`)
  } else {
    const request: DrainRequest = { mode: values.now ? 'chunk' : 'video', at: Date.now() }
    await store.put(objectKeys.drain(node), JSON.stringify(request), { contentType: 'application/json' })
    console.log(
      `${node} is asked to leave after its current ${request.mode}; \`npm run drain -- ${node} --undo\` undoes it`,
    )
    await showLeaving(store, node, request.at)
  }
} catch (error) {
  const isKnown =
    error instanceof BadSettings || error instanceof StartProblem || (error instanceof Error && 'code' in error)
  console.error(isKnown ? error.message : error)
  process.exitCode = 2
}

/** Tells what the node says of itself whenever that changes, until it is out of service or gone. */
async function showLeaving(store: ObjectStore, node: string, askedAt: number): Promise<void> {
  for (let told = ''; ; await sleep(lookEveryMs)) {
    const body = await store.read(objectKeys.node(node))
    const said = body && (readStored(objectKeys.node(node), body, nodeFormat) as NodeAnnouncement)
    const now = wordsOf(node, said, askedAt)
    if (now !== told) console.log(`${new Date().toISOString().slice(11, 19)}  ${now}`)
    told = now
    if (said?.state === 'drained' || !isUp(said)) return
  }
}

function wordsOf(node: string, said: NodeAnnouncement | undefined, askedAt: number): string {
  if (!isUp(said)) return `${node} does not announce itself: it renders nothing that it could take more of`
  if (said.state === 'drained') return `${node} is out of service`
  if (said.at < askedAt || said.state !== 'draining') return `${node} is ${said.state}, and has not heard of it yet`
  return `${node} takes no more videos, and renders ${said.renders ?? 'nothing'}`
}

function isUp(said: NodeAnnouncement | undefined): said is NodeAnnouncement {
  return said !== undefined && Date.now() - said.at < nodeGoneMs
}

/** The bucket that the shell points at, else that of the local stack. */
function bucket() {
  const env = environment()
  if (env['S3_ENDPOINT']) return readSettings(env, s3Settings)
  const { DATA_DIR, S3_PORT } = readSettings(env, stackSettings)
  const secrets = join(DATA_DIR, 'secrets.json')
  if (!existsSync(secrets)) throw new BadSettings(`no local stack in ${DATA_DIR}, and S3_ENDPOINT is not set`)
  const keys = JSON.parse(readFileSync(secrets, 'utf8')) as object
  return readSettings({ ...env, ...keys, S3_ENDPOINT: `http://127.0.0.1:${S3_PORT}` }, s3Settings)
}
