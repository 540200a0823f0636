import { setTimeout as sleep } from 'node:timers/promises'
import { descendantsOf, identify, isStopped, killAll, type ProcessIdentity } from './process-family.js'
import { RankControl } from './rank-control.js'
import type { CommandOfRank } from './rank-command.js'
import { type RankCommand, RankProcess } from './rank-process.js'
import type { breaks, RankMessage, Ready, RunnerCommand } from './rank-protocol.js'
import { RankWatchdog } from './rank-watchdog.js'

/** Why a group cannot go on: the first failing rank's own words, since the others only say that their peer is gone. */
export type RankFailure = {
  code: Exclude<(typeof breaks)[number], 'cannot_start'> | 'rank_died' | 'rank_stalled'
  /** −1 where no single rank is to blame. */
  rank: number
  /** For operators. */
  detail: string
}

export type RankGroupListener = {
  ready(ready: Ready): void
  /** Every message but hello, beat, ready and failed. */
  onMessage(message: RankMessage): void
  /** Once, at the first failure, with the newest lines of output; the processes may still be there. */
  broken(failure: RankFailure, output: string): void
  /** Once, instead of `broken`: what the ranks were started with cannot work; the detail says all that is wrong. */
  refused(detail: string): void
  output(rank: number, line: string): void
}

export type RankGroupOptions = {
  ranks: number
  command: CommandOfRank
  /** A rank silent for longer is taken for stalled. */
  stallMs: number
  /** For coming up: weights are loaded and graphs compiled without a word. */
  startMs: number
  /** Between asking the ranks to leave and killing them. */
  graceMs: number
}

/** As `graceMs`, for a group that has broken: whoever still waits in a collective hears nothing any more. */
const brokenGraceMs = 2000

/** After a rank's end: its own words say more, and may still be on their way. */
const lastWordsMs = 200

/** Of what all ranks have printed, in the log of a group that broke. */
const outputCharacters = 4000

/** How long killed processes may take to be gone: a device driver may hold one for a while. */
const killWaitMs = 10_000

/**
 * One launch of all ranks: coming up, ready, then ended as a whole. Never a collective half alive: the first rank that
 * dies, throws or stalls ends all of them, and `end` returns only when none is left.
 */
export class RankGroup implements AsyncDisposable {
  /** Resolves when the group has ended, with the processes that even a kill did not end. Never rejects. */
  readonly ended: Promise<ProcessIdentity[]>
  readonly #options: RankGroupOptions
  readonly #listener: RankGroupListener
  readonly #resolveEnded: (left: ProcessIdentity[]) => void
  /** Of ranks that have said hello. */
  readonly #identities = new Map<number, Promise<ProcessIdentity | undefined>>()
  /** By rank. */
  readonly #processes: RankProcess[] = []
  #spawned: Promise<unknown> = Promise.resolve()
  #control: RankControl | undefined
  #watchdog: RankWatchdog | undefined
  #startTimer: NodeJS.Timeout | undefined
  #ending = false
  #graceMs: number

  /** Rejects if the command cannot be run at all. */
  static async start(options: RankGroupOptions, listener: RankGroupListener): Promise<RankGroup> {
    const group = new RankGroup(options, listener)
    try {
      await group.#start()
    } catch (error) {
      await group.end()
      throw error
    }
    return group
  }

  private constructor(options: RankGroupOptions, listener: RankGroupListener) {
    this.#options = options
    this.#graceMs = options.graceMs
    this.#listener = listener
    let resolveEnded: (left: ProcessIdentity[]) => void = () => {}
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve
    })
    this.#resolveEnded = resolveEnded
  }

  send(command: RunnerCommand): void {
    this.#control?.send(command)
  }

  /** Ends the group and says why; the first call counts. */
  break(failure: RankFailure): void {
    if (this.#ending) return
    this.#graceMs = Math.min(brokenGraceMs, this.#graceMs)
    void this.end()
    this.#listener.broken(failure, this.#tailOf(failure.rank))
  }

  /** Breaks the group for not getting on. A rank that was stopped holds up all others and is to blame, before `rank`. */
  async stalled(rank: number, detail: string): Promise<void> {
    for (const [each, identity] of this.#identities) {
      const known = await identity
      if (!known || !(await isStopped(known))) continue
      return this.break({ code: 'rank_stalled', rank: each, detail: `rank ${each} was stopped: ${detail}` })
    }
    this.break({ code: 'rank_stalled', rank, detail })
  }

  /** Ends every process of the group: asks, waits, kills. Safe to call again. */
  end(): Promise<ProcessIdentity[]> {
    if (!this.#ending) {
      this.#ending = true
      void this.#end().then(this.#resolveEnded)
    }
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  async #start(): Promise<void> {
    const { command, ranks, startMs } = this.#options
    this.#control = await RankControl.listen({
      onMessage: (rank, message) => this.#onMessage(rank, message),
      gone: (rank) => this.#died(rank, 'ended without a word'),
      garbled: (rank, problem) => this.break({ code: 'rank_failed', rank, detail: problem }),
    })
    this.#startTimer = setTimeout(() => {
      const detail = `the ranks were not ready within ${startMs / 1000} s; ${this.#identities.size} had said hello`
      this.break({ code: 'rank_stalled', rank: -1, detail })
    }, startMs)
    const { path } = this.#control
    const starting = Array.from({ length: ranks }, (_, rank) => this.#startRank(rank, command(rank, path)))
    this.#spawned = Promise.allSettled(starting)
    await Promise.all(starting)
  }

  async #startRank(rank: number, command: RankCommand): Promise<void> {
    const started = await RankProcess.start(command, (line) => this.#listener.output(rank, line))
    this.#processes[rank] = started
    void started.exited.then(async ({ code, signal }) => {
      await sleep(lastWordsMs)
      this.#died(rank, `ended (${signal ?? `exit code ${code}`})`)
    })
  }

  #onMessage(rank: number, message: RankMessage): void {
    if (this.#ending) return
    this.#watchdog?.heard(rank)
    switch (message.type) {
      case 'hello':
        this.#identities.set(rank, identify(message.pid))
        return
      case 'beat':
        return
      case 'ready':
        return this.#ready(message)
      case 'failed':
        return this.#failed(message)
      case 'progress':
      case 'chunk':
      case 'speed':
      case 'finished':
      case 'aborted':
      case 'rejected':
        return this.#listener.onMessage(message)
    }
  }

  #failed({ code, rank, detail }: Extract<RankMessage, { type: 'failed' }>): void {
    if (code === 'cannot_start') {
      void this.end()
      return this.#listener.refused(detail)
    }
    this.break({ code, rank, detail })
  }

  /** Rank 0 speaks for all, but a rank that has not said hello could not be watched. */
  #ready(ready: Ready): void {
    const { ranks, stallMs } = this.#options
    if (ready.ranks !== ranks || this.#identities.size !== ranks) {
      const detail = `ready with ${ready.ranks} ranks, ${this.#identities.size} of which said hello, instead of ${ranks}`
      return this.break({ code: 'rank_failed', rank: 0, detail })
    }
    clearTimeout(this.#startTimer)
    this.#watchdog = new RankWatchdog(ranks, stallMs, (rank, silentMs) => {
      void this.stalled(rank, `nothing was heard from rank ${rank} for ${Math.round(silentMs / 1000)} s`)
    })
    this.#listener.ready(ready)
  }

  #died(rank: number, how: string): void {
    const tail = this.#tailOf(rank)
    this.break({ code: 'rank_died', rank, detail: `rank ${rank} ${how}${tail ? `: ${tail}` : ''}` })
  }

  /** Of one rank, or where that is −1 of all. */
  #tailOf(rank: number): string {
    if (rank >= 0) return this.#processes[rank]?.tail ?? ''
    const share = outputCharacters / this.#processes.length
    return this.#processes.map(({ tail }, each) => `rank ${each}: ${tail.slice(-share)}`).join('\n')
  }

  async #end(): Promise<ProcessIdentity[]> {
    clearTimeout(this.#startTimer)
    this.#watchdog?.[Symbol.dispose]()
    await this.#spawned // whoever is being started is ended too
    // Read while the ranks are there: afterwards nothing says whose children these were.
    const running = this.#processes.filter((each) => each.running)
    const descendants = await descendantsOf(...running.map(({ pid }) => pid))
    this.#control?.hangUp()
    await Promise.all(running.map((each) => each.leave(this.#graceMs)))
    const known = await Promise.all([...this.#processes.map(({ identity }) => identity), ...this.#identities.values()])
    const family = new Map([...known, ...descendants].flatMap((each) => (each ? [[each.pid, each] as const] : [])))
    const left = await killAll(family.values(), killWaitMs)
    await this.#control?.[Symbol.asyncDispose]()
    return left
  }
}
