import { existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { storedChunks } from '../../activities/render/stored-chunks.js'
import type { RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Fault } from './schedule.js'
import { type ChaosStack, type NodeNumber, nodes, strike } from './stack.js'
import type { ChaosUsers } from './users.js'
import type { ChaosWatch } from './watch.js'
import type { LinkState } from '../support/faults/tcp-fault-proxy.js'
import { until } from '../support/until.js'

export type Injecting = { stack: ChaosStack; watch: ChaosWatch; users: ChaosUsers; store: ObjectStore }

/** Ranks come up in seconds on an idle machine; this one is not. */
const upMs = 300_000

/** Does it, and resolves when it is over: the process is back, or what stood still goes on, or the connection passes again. */
export async function inject(fault: Fault, injecting: Injecting): Promise<void> {
  const { stack } = injecting
  switch (fault.kind) {
    case 'kill':
      return stack.end(fault.part, 'SIGKILL')
    case 'term':
      return stack.end(fault.part, 'SIGTERM')
    case 'power-loss':
      return stack.powerLoss()
    case 'kill-rank':
      return killRank(fault, injecting)
    case 'stop':
      return stopped(await stack.pid(fault.part), fault.ms)
    case 'stop-rank':
      return stopped(await rankOf(fault, stack), fault.ms)
    case 'away': {
      const end = fault.server === 'minio' ? '-s3' : `-${fault.server}`
      const links = [...stack.links.keys()].filter((link) => link.endsWith(end))
      return failing(stack, links, { kind: fault.how }, fault.ms)
    }
    case 'link':
      return failing(stack, [fault.link], linkState(fault.how), fault.ms)
    case 'no-folder':
      await removeJobs(stack, fault.node)
      return
    case 'torn-steps':
      return killRunner(injecting, fault.node, () => tearSteps(stack, fault.node, fault.share))
    case 'torn-chunk':
      return tearChunk(fault, injecting)
  }
}

/** The nodes whose work the fault stops, or may stop. */
export function struck(fault: Fault): readonly NodeNumber[] {
  if ('node' in fault) return [fault.node]
  const text = 'part' in fault ? fault.part : 'link' in fault ? fault.link : ''
  const number = /(?:node|runner)-(\d)/.exec(text)?.[1]
  return number === undefined ? nodes : nodes.filter((node) => String(node) === number)
}

/** Resolves when the fault has something to fall upon: the node is within a chunk, a chunk is in S3. */
export async function worthwhile(fault: Fault, { watch, users, store }: Injecting): Promise<void> {
  if (fault.kind === 'torn-chunk') return void (await halfDone(users, store))
  const all = struck(fault)
  const ready = () =>
    all.length === 1 ? all.every((node) => watch.isAtWork(node)) : all.some((node) => watch.isAtWork(node))
  await until(`node ${all.join(' or ')} is at work`, ready, { deadlineMs: upMs })
}

async function killRank({ node, rank }: { node: NodeNumber; rank: number }, { stack, watch }: Injecting) {
  const killed = await rankOf({ node, rank }, stack)
  strike(killed, 'SIGKILL')
  await until(
    `the ranks of node ${node} are back`,
    async () => {
      const ranks = await stack.ranks(node)
      return ranks.length === 2 && !ranks.includes(killed) && (await isUp(watch.runner(node)))
    },
    { deadlineMs: upMs, everyMs: 200 },
  )
}

/** Whether the runner is there, which another fault may have ended, and its ranks have told it their model. */
async function isUp(runner: RunnerClient): Promise<boolean> {
  return runner.describe().then(
    ({ model }) => model !== '',
    () => false,
  )
}

async function rankOf({ node, rank }: { node: NodeNumber; rank: number }, stack: ChaosStack): Promise<number> {
  return until(`rank ${rank} of node ${node} is there`, async () => (await stack.ranks(node))[rank], {
    deadlineMs: upMs,
  })
}

async function stopped(pid: number, ms: number): Promise<void> {
  strike(pid, 'SIGSTOP')
  try {
    await sleep(ms)
  } finally {
    strike(pid, 'SIGCONT')
  }
}

async function failing(stack: ChaosStack, links: string[], state: LinkState, ms: number): Promise<void> {
  for (const link of links) stack.links.get(link)?.become(state)
  await sleep(ms)
  for (const link of links) stack.links.get(link)?.become({ kind: 'pass' })
}

function linkState(how: Extract<Fault, { kind: 'link' }>['how']): LinkState {
  switch (how) {
    case 'latency':
      return { kind: 'latency', ms: 400 }
    case 'bandwidth':
      return { kind: 'bandwidth', bytesPerSecond: 20_000 }
    case 'blackhole':
    case 'cut':
    case 'reset':
      return { kind: how }
  }
}

function jobFolders(stack: ChaosStack, node: NodeNumber): string[] {
  const jobs = join(stack.dataDir, `runner-${node}`, 'jobs')
  return existsSync(jobs) ? readdirSync(jobs).map((name) => join(jobs, name)) : []
}

/** Ranks may be writing there: whatever has come meanwhile is removed as well. Node's own `maxRetries` tries only the empty folder again. */
async function removeJobs(stack: ChaosStack, node: NodeNumber): Promise<void> {
  const folders = jobFolders(stack, node)
  await until('removed jobs', () => {
    for (const folder of folders) {
      try {
        rmSync(folder, { recursive: true, force: true })
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
      }
    }
    return !folders.some((folder) => existsSync(folder))
  })
}

async function killRunner({ stack }: Injecting, node: NodeNumber, then: () => void | Promise<void>): Promise<void> {
  const part = `runner-${node}` as const
  const before = stack.timesReady(part)
  strike(await stack.pid(part), 'SIGKILL')
  await then()
  await stack.readyAgain(part, before)
}

function tearSteps(stack: ChaosStack, node: NodeNumber, share: number): void {
  for (const folder of jobFolders(stack, node)) {
    const path = join(folder, 'steps.state')
    if (existsSync(path)) truncateSync(path, Math.floor(share * statSync(path).size))
  }
}

/** A video under way with a chunk in S3, that chunk's number, and the generation that made it. */
async function halfDone(users: ChaosUsers, store: ObjectStore): Promise<{ id: string; chunk: number; made: number }> {
  return until(
    'a chunk of a video under way is in S3',
    async () => {
      for (const { id, status } of users.underWay) {
        if (status !== 'processing') continue
        const { lineage } = await storedChunks(store, id)
        const made = lineage.at(-1)
        if (made !== undefined) return { id, chunk: lineage.length - 1, made }
      }
      return undefined
    },
    { deadlineMs: upMs, everyMs: 100 },
  )
}

async function tearChunk({ file, share }: Extract<Fault, { kind: 'torn-chunk' }>, injecting: Injecting): Promise<void> {
  const { users, store, stack, watch } = injecting
  const { id, chunk, made } = await halfDone(users, store)
  const key = file === 'segment' ? objectKeys.chunkSegment(id, chunk, made) : objectKeys.chunkState(id, chunk, made)
  const whole = await store.read(key, 2 ** 26)
  if (whole) await store.put(key, whole.subarray(0, Math.floor(share * whole.length)), { contentType: 'video/mp4' })
  const node = nodes.find((each) => watch.video(each) === id)
  if (node === undefined) return
  await killRunner(injecting, node, () => removeJobs(stack, node))
}
