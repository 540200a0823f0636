import { type ChildProcess, spawn } from 'node:child_process'
import { addAbortListener, once } from 'node:events'
import { availableParallelism } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ChildLimits, childEnv, findProgram, withinLimits } from './child-limits.js'

export { type InputKind, safeInput } from './ffmpeg-input.js'

export type FfmpegRun = {
  ffmpegPath: string
  /** Ours alone: nothing that a client sent may be an option. Inputs come from `safeInput`. */
  args: string[]
  signal?: AbortSignal
  /** Wall-clock limit, milliseconds. */
  timeoutMs: number
  /** Where `pipe:1` goes; a function is called chunk by chunk and may throw to end the run. */
  stdout?: Writable | ((chunk: Buffer) => void)
  /** Where `pipe:0` comes from. */
  stdin?: Readable
  limits?: Partial<ChildLimits>
}

/**
 * Why ffmpeg did not finish. `refused`: the input, or what was asked for it, is at fault, and a second try ends the same.
 * `interrupted`: it was killed from outside or lost its source; the same run may succeed later.
 */
export type FfmpegFailure = 'refused' | 'timeout' | 'aborted' | 'interrupted'

export class FfmpegFailed extends Error {
  override readonly name = 'FfmpegFailed'
  readonly reason: FfmpegFailure
  readonly exitCode: number | null
  /** The end of what ffmpeg said: for our logs, never for a client. */
  readonly stderrTail: string

  constructor(reason: FfmpegFailure, exitCode: number | null, stderrTail: string) {
    super(`ffmpeg: ${reason}${reason === 'refused' ? ` (${lastLine(stderrTail)})` : ''}`)
    this.reason = reason
    this.exitCode = exitCode
    this.stderrTail = stderrTail
  }
}

const tailBytes = 8_192

/**
 * Runs ffmpeg to its end, in a process group of its own, with kernel limits, and resolves when all of its output is through.
 * Rejects with `FfmpegFailed`; with the error of `stdout` or `stdin` when that failed; with a plain error when there is no ffmpeg.
 */
export async function runFfmpeg(run: FfmpegRun): Promise<{ stderr: string }> {
  if (run.signal?.aborted) throw new FfmpegFailed('aborted', null, '')
  const child = start(run)
  // 'close' alone: the output is only whole once the pipes are at their end.
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let stderr = Buffer.alloc(0)
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr = Buffer.concat([stderr, bytes]).subarray(-tailBytes)
  })

  let ended: 'timeout' | 'aborted' | undefined
  const end = (reason: 'timeout' | 'aborted') => {
    ended ??= reason
    kill(child)
    child.stdout?.destroy() // a receiver that stands still would hold it open
  }
  const clock = setTimeout(() => end('timeout'), run.timeoutMs)
  using _abort = run.signal && addAbortListener(run.signal, () => end('aborted'))
  const streams = connectStreams(child, run).catch((error: unknown) => {
    kill(child)
    return { error }
  })
  try {
    const [exitCode, signal] = await closed
    const failure = await streams
    const tail = withoutQueries(stderr.toString('utf8').trim())
    if (ended !== undefined) throw new FfmpegFailed(ended, exitCode, tail)
    if (failure !== undefined) throw failure.error
    // It takes a source that breaks off for one that has ended, says so, and leaves with 0.
    if (exitCode !== 0 || isSourceLost(tail)) throw new FfmpegFailed(blame(signal, tail), exitCode, tail)
    return { stderr: tail }
  } finally {
    clearTimeout(clock)
  }
}

function start({ ffmpegPath, args, stdin, stdout, timeoutMs, limits }: FfmpegRun): ChildProcess {
  const ffmpeg = findProgram(ffmpegPath)
  if (ffmpeg === undefined) throw new Error(`there is no ffmpeg at ${ffmpegPath}; set FFMPEG_PATH`)
  const cpuSeconds = Math.ceil(timeoutMs / 1000) * availableParallelism()
  const [command = ffmpeg, ...rest] = withinLimits([ffmpeg, '-nostdin', '-hide_banner', '-v', 'error', ...args], {
    ...{ memoryMiB: 4096, cpuSeconds, fileMiB: 8192 },
    ...limits,
  })
  return spawn(command, rest, {
    env: childEnv(),
    // A group of its own: Ctrl-C reaches us, and we decide what becomes of ffmpeg.
    detached: true,
    stdio: [stdin ? 'pipe' : 'ignore', stdout ? 'pipe' : 'ignore', 'pipe'],
  })
}

/** Resolves when both pipes are through; rejects with what our end of them threw. */
async function connectStreams(child: ChildProcess, { stdin, stdout }: FfmpegRun): Promise<undefined> {
  const ends: Promise<unknown>[] = []
  if (child.stdin && stdin) ends.push(pipeline(stdin, child.stdin).catch(unlessChildLeft))
  if (child.stdout && stdout) {
    ends.push(typeof stdout === 'function' ? deliver(child.stdout, stdout) : pipeline(child.stdout, stdout))
  }
  await Promise.all(ends)
}

async function deliver(output: Readable, receive: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of output) receive(chunk as Buffer)
}

/** ffmpeg may leave before it has read everything: its exit code tells how that went. */
function unlessChildLeft(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL') // the group is not there yet, or not any more
  }
}

/** Crashes and exceeded limits are the input's doing; a kill from outside or a source that went away is not. */
function blame(signal: NodeJS.Signals | null, stderr: string): FfmpegFailure {
  const killed = signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP'
  return killed || isSourceLost(stderr) ? 'interrupted' : 'refused'
}

/**
 * What a URL's protocols say themselves, and a read that failed: no file that merely ends too early gives an "Input/output error"
 * (tried: wav, mp3, flac, ogg, aac, mp4, webm and mkv, each cut at five places from 3 to 97 %).
 */
function isSourceLost(stderr: string): boolean {
  return /^\[(?:https?|tcp|tls) @|Input\/output error|Connection (?:refused|reset|timed out)|Network is unreachable|Server returned [45]|HTTP error [45]/m.test(
    stderr,
  )
}

/** A presigned URL is a key to its object until it runs out. */
function withoutQueries(text: string): string {
  return text.replace(/(https?:\/\/[^\s?]+)\?\S*/g, '$1?…')
}

function lastLine(text: string): string {
  return text.split('\n').at(-1)?.slice(0, 200) ?? ''
}
