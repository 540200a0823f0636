import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { Generations } from './job/generations.js'
import type { Description } from './generated/text2video/runner/v1/Description.js'
import { startGrpcServer } from './service/grpc-server.js'
import { JobSlot } from './job/job-slot.js'
import { OrphanWatch } from './job/orphan-watch.js'
import type { RankGroupOptions } from './ranks/rank-group.js'
import { Ranks } from './ranks/ranks.js'
import { recoverJob } from './job/recover-job.js'
import type { RunnerMetrics } from './job/runner-metrics.js'
import { runnerService } from './service/runner-service.js'
import { Speeds } from './ranks/speeds.js'

export type RunnerOptions = {
  host: string
  /** 0: any free port. */
  port: number
  /** Holds the folder of the job and the fence: the next runner goes on with them. */
  dir: string
  engine: string
  /** Of the runner itself; the ranks tell theirs. */
  version: string
  ranks: RankGroupOptions
  /** A job that nobody watches for longer is given up. */
  orphanMs: number
  /** A submission from which nothing comes for longer is broken off. */
  idleMs: number
  metrics: RunnerMetrics
  log: Logger
}

export type Runner = AsyncDisposable & {
  port: number
  /** Resolves while the node can render; rejects with why not. */
  health(): Promise<Record<string, string>>
}

/**
 * Starts one node's renderer. It answers calls as soon as it has taken up the job of an earlier runner, and says that it
 * serves when its ranks are ready.
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const { log, metrics } = options
  const stopping = new AbortController()
  const ranks = new Ranks(options.ranks, log)
  metrics.observe(ranks)
  const speeds = new Speeds()
  const folder = resolve(options.dir)
  const jobs = join(folder, 'jobs')
  const generations = new Generations(join(folder, 'generations.json'))
  const { stallMs } = options.ranks
  const slot = new JobSlot({ ranks, generations, abortMs: stallMs, progressMs: 5 * stallMs, metrics, log })

  const describe = (): Description => {
    const { state } = ranks
    const ready = state.phase === 'ready' ? state.ready : undefined
    const free = ready && !slot.paused ? 'IDLE' : 'STARTING'
    return {
      state: stopping.signal.aborted ? 'DRAINING' : slot.taken ? 'BUSY' : free,
      engine: options.engine,
      model: ready?.model ?? '',
      ranks: options.ranks.ranks,
      device: ready?.device ?? '',
      versions: { ...ready?.versions, runner: options.version },
      speeds: speeds.newest,
      job: slot.held?.name ?? null,
      rankRestarts: ranks.restarts,
      presets: ready?.presets ?? [],
    }
  }

  const { idleMs, orphanMs } = options
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const service = runnerService({ slot, describe, jobs, idleMs, opened, stopping: stopping.signal, log })
  const server = await startGrpcServer(options, service)
  // With the port ours, no other runner uses the folder.
  generations.load(log)
  const recovered = await recoverJob(jobs, generations, log)
  if (recovered) slot.recover(recovered)
  open()
  const orphans = new OrphanWatch({ slot, orphanMs, metrics, log })

  ranks.on('message', (message) => {
    if (message.type === 'speed') speeds.measured(message)
  })
  ranks.on('state', (state) => {
    server.serving(state.phase === 'ready' && !stopping.signal.aborted)
    if (state.phase !== 'ready') return
    speeds.measured(state.ready)
    log.info({ event: 'ready', port: server.port, ...state.ready }, 'the ranks are ready')
  })
  ranks.start()

  return {
    port: server.port,
    health: async () => {
      const { state } = ranks
      if (state.phase === 'refused') throw new Error(`the ranks refuse to start: ${state.detail}`)
      if (state.phase !== 'ready') throw new Error(`the ranks are ${state.phase}`)
      return { ranks: 'ready', job: slot.held?.name.jobId ?? 'none' }
    },
    async [Symbol.asyncDispose]() {
      server.serving(false)
      slot.close()
      stopping.abort()
      orphans[Symbol.dispose]()
      await Promise.all([server[Symbol.asyncDispose](), ranks[Symbol.asyncDispose]()])
    },
  }
}
