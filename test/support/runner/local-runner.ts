import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { rankSettings } from '../../../activities/render/runner-order.js'
import { identify } from '../../../gaudi-runner/ranks/process-family.js'
import { type CommandOfRank, rankEnvironment } from '../../../gaudi-runner/ranks/rank-command.js'
import {
  connectRunner,
  type JobRef,
  type RunnerOrder,
  type RunnerClient,
  type RunnerEvent,
  type SubmittedFile,
} from '../../../gaudi-runner/client/runner-client.js'
import { startRunner } from '../../../gaudi-runner/runner.js'
import type { JsonObject } from '../../../gaudi-runner/contract/struct.js'
import { anAcceptedOrder } from '../api/an-order.js'

/** The program that plays a rank. */
export const actedRanks = fileURLToPath(new URL('./acted-ranks.js', import.meta.url))

export type LocalRunner = AsyncDisposable & {
  client: RunnerClient
  port: number
  dir: string
  /** Every process that played a rank so far. */
  pids(): Promise<number[]>
  /** Of jobs, by how they ended. */
  ended: string[]
  /** After what jobs went on, and how many steps were lost. */
  resumed: [string, number][]
  health(): Promise<Record<string, string>>
  /** Stops the runner alone; its client stays. */
  stop(): Promise<void>
}

export type LocalRunnerOptions = {
  /** Of an earlier runner, to go on with; it stays then. */
  dir?: string
  start?: 'usual' | 'crash' | 'silent' | 'stubborn' | 'refused' | 'once'
  stallMs?: number
  startMs?: number
  orphanMs?: number
  idleMs?: number
}

/** A real runner on a free port, whose two ranks are played by `fixtures/acted-ranks.ts`. */
export async function startLocalRunner(options: LocalRunnerOptions = {}): Promise<LocalRunner> {
  const { start = 'usual', stallMs = 20_000, startMs = 60_000, orphanMs = 600_000, idleMs = 60_000 } = options
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'runner-test-')))
  const pidFile = join(dir, 'pids')
  const ended: string[] = []
  const resumed: [string, number][] = []
  const play = [process.execPath, actedRanks, '--pids', pidFile, '--start', start, '--control']
  const command: CommandOfRank = (rank, control) => {
    const environment = Object.entries(rankEnvironment({ rank, ranks: 2, folder: dirname(control) }))
    return { command: 'env', args: [...environment.map((each) => each.join('=')), ...play, control], cwd: dir }
  }
  const runner = await startRunner({
    host: '127.0.0.1',
    port: 0,
    dir,
    engine: 'demo',
    version: '0.0.0',
    ranks: { ranks: 2, command, stallMs, startMs, graceMs: 500 },
    orphanMs,
    idleMs,
    metrics: {
      jobEnded: (state) => ended.push(state),
      resumed: (...after) => resumed.push(after),
      recovered() {},
      orphaned() {},
      observe() {},
    },
    log: pino({ level: 'silent' }),
  })
  const client = connectRunner(`127.0.0.1:${runner.port}`)
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= Promise.resolve(runner[Symbol.asyncDispose]())
    return stopped
  }
  return {
    stop,
    client,
    port: runner.port,
    dir,
    ended,
    resumed,
    health: runner.health,
    pids: async () => (await readFile(pidFile, 'utf8')).trim().split('\n').map(Number),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await stop()
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Waits until the condition holds; gives up after half a minute, saying for what it waited. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 30_000): Promise<void> {
  for (const deadline = performance.now() + limitMs; performance.now() < deadline; await sleep(25)) {
    if (await holds()) return
  }
  throw new Error(`never came: ${what}`)
}

export function untilIdle(client: RunnerClient): Promise<void> {
  return until('an idle runner', async () => (await client.describe()).state === 'IDLE')
}

/** Those of the processes that are still there. */
export async function alive(pids: number[]): Promise<number[]> {
  const found = await Promise.all(pids.map(identify))
  return found.flatMap((each) => (each ? [each.pid] : []))
}

/** Everything that the watch gives until the job has ended. */
export async function eventsOf(client: RunnerClient, job: JobRef, from = 0): Promise<RunnerEvent[]> {
  const events: RunnerEvent[] = []
  for await (const event of client.watch(job, from)) events.push(event)
  return events
}

/** A small order that the played ranks render in a fraction of a second; settings are changed beside the order's own fields. */
export function anOrder(changes: Partial<Omit<RunnerOrder, 'settings'>> & JsonObject = {}): RunnerOrder {
  const small = { prompt: 'a person talks', steps: 3, width: 64, height: 64 }
  const { preset: usualPreset, ...usual } = rankSettings(anAcceptedOrder('video_1', small))
  const { jobId = 'video_1', generation = 1, preset = usualPreset, firstChunk = 0, ...settings } = changes
  return { jobId, generation, preset, firstChunk, settings: { ...usual, frames: 153, ...settings } }
}

export function aFile(role: SubmittedFile['role'], bytes: Buffer = randomBytes(3000)): SubmittedFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    role,
    bytes: bytes.length,
    sha256,
    async *open() {
      yield bytes
    },
  }
}

export function twoFiles(): SubmittedFile[] {
  return [aFile('REFERENCE'), aFile('VOICE_1')]
}
