import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { descendantsOf } from '../../gaudi-runner/ranks/process-family.js'
import { PortsTaken, takePorts } from '../../infra/local/stack/ports.js'
import type { Places } from '../../infra/local/stack/places.js'
import type { HostWord } from './host.js'
import { processesOf } from '../run/leftovers.js'
import { type TcpFaultProxy, tcpFaultProxy } from '../support/faults/tcp-fault-proxy.js'
import { until } from '../support/until.js'

export const nodes = [1, 2] as const
export type NodeNumber = (typeof nodes)[number]

/** The parts whose processes are killed, as the stack names them. */
export const programs = ['api', 'videos', 'media', 'node-1', 'node-2', 'runner-1', 'runner-2'] as const
export const servers = ['temporal', 'minio'] as const
export type PartName = (typeof programs)[number] | (typeof servers)[number]

/** Every connection between two processes of the stack, `from-to`; each goes through a proxy of its own. */
export const linkNames = [
  ...['api-temporal', 'api-s3', 'videos-temporal', 'videos-s3', 'media-temporal', 'media-s3'],
  ...['node-1-temporal', 'node-1-s3', 'node-1-runner', 'node-2-temporal', 'node-2-s3', 'node-2-runner'],
] as const

const upMs = 300_000

/**
 * A local stack of two nodes whose every process and every connection can be made to fail, all of them at once as well. Its
 * data, logs and temporary files lie under `dir`.
 */
export class ChaosStack implements AsyncDisposable {
  readonly dir: string
  readonly tempDir: string
  readonly links: ReadonlyMap<string, TcpFaultProxy>
  readonly #env: NodeJS.ProcessEnv
  readonly #events = new EventEmitter().setMaxListeners(0)
  readonly #ready = new Map<string, number>()
  #host: ChildProcess | undefined
  #places: Places | undefined

  static async start(dir: string, env: NodeJS.ProcessEnv): Promise<ChaosStack> {
    const { RUNNER_PORT, ...ports } = await ownPorts()
    const target = (link: string) => {
      if (link.endsWith('temporal')) return `127.0.0.1:${ports.TEMPORAL_PORT}`
      if (link.endsWith('s3')) return `127.0.0.1:${ports.S3_PORT}`
      return `127.0.0.1:${RUNNER_PORT + (link.includes('node-2') ? 1 : 0)}`
    }
    const links = new Map<string, TcpFaultProxy>()
    for (const link of linkNames) links.set(link, await tcpFaultProxy(target(link)))
    const routes = [...links].map(([link, { address }]) => [link, link.endsWith('s3') ? `http://${address}` : address])
    const stack = new ChaosStack(dir, links, {
      ...env,
      ...Object.fromEntries(Object.entries({ ...ports, RUNNER_PORT }).map(([name, port]) => [name, String(port)])),
      ...{
        NODES: String(nodes.length),
        NODE_NAME: 'chaos',
        METRICS_PORT: '0',
        CHAOS_ROUTES: JSON.stringify(Object.fromEntries(routes)),
      },
    })
    await stack.#up()
    return stack
  }

  private constructor(dir: string, links: ReadonlyMap<string, TcpFaultProxy>, env: NodeJS.ProcessEnv) {
    this.dir = dir
    this.links = links
    this.tempDir = join(dir, 'tmp')
    mkdirSync(this.tempDir, { recursive: true })
    this.#env = { ...env, DATA_DIR: this.dataDir, TMPDIR: this.tempDir }
  }

  get dataDir(): string {
    return join(this.dir, 'data')
  }

  /** Where everything is, past the proxies. Throws while the stack is down. */
  get places(): Places {
    if (!this.#places) throw new Error('the stack is not up')
    return this.#places
  }

  /** How often the part has become ready, first start included. */
  timesReady(part: string): number {
    return this.#ready.get(part) ?? 0
  }

  /** Sends a signal to a part's process and, where that ends it, waits until the part is ready again. */
  async end(part: PartName, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const before = this.timesReady(part)
    strike(await this.pid(part), signal)
    await this.readyAgain(part, before)
  }

  async readyAgain(part: PartName, before: number): Promise<void> {
    await until(`${part} is ready again`, () => this.timesReady(part) > before, { deadlineMs: upMs })
  }

  /** The process of a part that runs, each its own in a session of its own. */
  async pid(part: PartName): Promise<number> {
    return until(`${part} runs`, async () => {
      const pid = (await this.pids())[part]
      return pid !== undefined && isAlive(pid) && pid
    })
  }

  async pids(): Promise<Record<string, number>> {
    const answer = once(this.#events, 'pids')
    this.#host?.send({})
    return ((await answer) as [Record<string, number>])[0]
  }

  /** The ranks of a node by their numbers; fewer while they come up. */
  async ranks(node: NodeNumber): Promise<number[]> {
    const family = await descendantsOf(await this.pid(`runner-${node}`))
    const ranks = family.map(({ pid }) => ({ pid, rank: rankOf(pid) })).filter(({ rank }) => rank >= 0)
    return ranks.sort((a, b) => a.rank - b.rank).map(({ pid }) => pid)
  }

  /** Every process at once, the supervisor as well; then a new start on what lies on the disk. */
  async powerLoss(): Promise<void> {
    const host = this.#host
    if (!host) throw new Error('the stack is not up')
    host.kill('SIGKILL')
    await once(host, 'exit')
    await until('every process is gone', () => this.processes().length === 0)
    await this.#up()
  }

  /** Stops the stack in order, to be started again with `startAgain`. */
  async stop(): Promise<void> {
    const host = this.#host
    this.#host = undefined
    if (!host || host.exitCode !== null || host.signalCode !== null) return
    host.kill('SIGTERM')
    await once(host, 'exit')
  }

  async startAgain(): Promise<void> {
    await this.#up()
  }

  /** Processes that are left of it, as `pid command`. */
  processes(): string[] {
    return processesOf(this.dataDir)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    for (const link of this.links.values()) await link[Symbol.asyncDispose]()
  }

  async #up(): Promise<void> {
    const host = fork(join(import.meta.dirname, 'host.js'), { env: this.#env, stdio: 'inherit' })
    this.#host = host
    this.#places = await new Promise<Places>((resolve, reject) => {
      host.on('message', (word: HostWord) => {
        switch (word.kind) {
          case 'line':
            if (/^ready\b/.test(word.line)) this.#ready.set(word.part, this.timesReady(word.part) + 1)
            return
          case 'up':
            return resolve(word.stack)
          case 'pids':
            this.#events.emit('pids', word.pids)
        }
      })
      host.once('exit', (code, signal) => reject(new Error(`the stack ended with ${signal ?? code}`)))
    })
  }
}

/**
 * Below the range that systems give to connections on their way out: while a part is away, none of the many that try to reach
 * it may get its port.
 */
async function ownPorts() {
  for (;;) {
    const first = 10_000 + 10 * Math.floor(Math.random() * 2_000)
    const wish = (variable: string, offset: number) => ({ part: variable, variable, port: first + offset })
    try {
      const { NEXT_RUNNER, ...ports } = await takePorts({
        API_PORT: wish('API_PORT', 0),
        TEMPORAL_PORT: wish('TEMPORAL_PORT', 1),
        TEMPORAL_UI_PORT: wish('TEMPORAL_UI_PORT', 2),
        S3_PORT: wish('S3_PORT', 3),
        S3_CONSOLE_PORT: wish('S3_CONSOLE_PORT', 4),
        RUNNER_PORT: wish('RUNNER_PORT', 5),
        NEXT_RUNNER: wish('RUNNER_PORT', 6),
      })
      return ports
    } catch (error) {
      if (!(error instanceof PortsTaken)) throw error
    }
  }
}

/** −1 for a process that is no rank. */
function rankOf(pid: number): number {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    if (!command.includes('pipeline.ranks')) return -1
    return Number(/\0RANK=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1] ?? -1)
  } catch {
    return -1 // it has just ended
  }
}

/** Sends a signal to a process, unless another fault was quicker. */
export function strike(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
