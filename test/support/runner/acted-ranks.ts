import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type {
  breaks,
  RankOrder,
  RankMessage,
  RenderCommand,
  RunnerCommand,
} from '../../../gaudi-runner/ranks/rank-protocol.js'

/**
 * Plays one rank over the real control socket, without a model; started with a real rank's own arguments and environment.
 *
 * What happens to a job is asked for by its prompt: `is refused`, `never ends`, `ignores abort`, or at the second step of a
 * chunk `rank 1 throws`, `dies`, `stalls`, `is stopped`, `hangs`, `is not a number` or `has no space`, each time or `once`
 * or `twice`, perhaps `then is refused`; anything else is rendered. What follows `saying ` is the text that they fail with. Like the real ones, the ranks go on where
 * the files in the job's folder say. `--start` can be `crash`, `silent`, `refused`, `stubborn` (deaf to SIGTERM) or `once`
 * (and never again). `--pids FILE` takes the process numbers, one a line; the file that ORDERS_FILE names, the orders.
 */
const { values: args } = parseArgs({
  strict: false,
  options: {
    control: { type: 'string' },
    pids: { type: 'string' },
    start: { type: 'string', default: 'usual' },
  },
})
const { RANK, WORLD_SIZE, RANKS_STORE = '' } = process.env
const rank = Number(RANK)
const ranks = Number(WORLD_SIZE)
const startsBefore = typeof args.pids === 'string' && existsSync(args.pids) ? linesOf(args.pids) / ranks : 0
if (typeof args.pids === 'string') appendFileSync(args.pids, `${process.pid}\n`)
if (args.start === 'stubborn') process.on('SIGTERM', () => {})

if (args.start === 'crash' || (args.start === 'once' && startsBefore >= 1)) {
  console.error('no module named pipeline')
  process.exitCode = 1
} else playRank()

/** What happens to rank 1 in a step, if it is not simply done. */
type Harm = 'throws' | 'dies' | 'stalls' | 'is stopped' | 'hangs' | 'is not a number' | 'has no space'
type Collective = { harm: Harm | undefined; says?: string | undefined }

/**
 * A stand-in for collectives: what rank 0 says, all hear, itself included. Met in a socket beside the file where real ranks
 * meet. Resolves on rank 0 once all the others are there.
 */
async function joinRanks(hear: (message: Collective) => void): Promise<(message: Collective) => void> {
  const path = `${RANKS_STORE}.sock`
  if (rank > 0) {
    const lead = await untilConnected(path)
    createInterface({ input: lead }).on('line', (line) => hear(JSON.parse(line) as Collective))
    return () => {}
  }
  const others: Socket[] = []
  const server = createServer((socket) => {
    others.push(socket.on('error', () => {})) // another one has gone
    server.emit('joined')
  }).listen(path)
  while (others.length < ranks - 1) await once(server, 'joined')
  return (message) => {
    for (const each of others) each.write(`${JSON.stringify(message)}\n`)
    hear(message)
  }
}

async function untilConnected(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket.on('error', () => {})
    } catch {
      await sleep(20) // rank 0 is not there yet
    }
  }
}

function playRank(): void {
  const socket = connect(String(args.control))
  const say = (message: RankMessage): void => void socket.write(`${JSON.stringify(message)}\n`)
  socket.on('error', () => {})
  if (args.start !== 'stubborn') socket.on('close', () => process.exit(0))
  say({ type: 'hello', rank, pid: process.pid })
  let silent = false
  const beat = () => !silent && say({ type: 'beat', rank })
  setInterval(beat, 100)

  const joined = joinRanks(({ harm, says }) => {
    beat()
    if (harm === undefined) return
    // The other one waits for it, and falls silent a little later.
    if (harm === 'stalls' || harm === 'is stopped') setTimeout(() => (silent = true), rank === 1 ? 0 : 400)
    if (rank === 1) suffer(harm, says)
  })

  const fail = (code: (typeof breaks)[number], detail: string): void => {
    say({ type: 'failed', rank, job: null, code, detail })
    socket.end(() => process.exit(1))
  }
  const suffer = (harm: Harm, says?: string): void => {
    switch (harm) {
      case 'throws':
        return fail('rank_failed', says ?? 'the third block of rank 1 fell over')
      case 'is not a number':
        return fail('not_a_number', says ?? 'NaN after step 2')
      case 'has no space':
        return fail('disk_full', 'OSError: [Errno 28] No space left on device')
      case 'dies':
        return void process.kill(process.pid, 'SIGKILL')
      case 'is stopped':
        return void process.kill(process.pid, 'SIGSTOP')
      case 'stalls':
      case 'hangs':
        return
    }
  }

  if (args.start === 'refused') {
    say({ type: 'failed', rank, job: null, code: 'cannot_start', detail: 'a shard is missing' })
    socket.end(() => process.exit(1))
  }
  if (rank !== 0 || args.start === 'silent' || args.start === 'refused') return
  let leave: Leave = { now: false, afterChunk: false }
  void joined.then(async (tell) => {
    const render = playRender(say, tell)
    createInterface({ input: socket }).on('line', (line) => {
      const command = JSON.parse(line) as RunnerCommand
      if (command.type === 'abort') {
        if (command.after_chunk) leave.afterChunk = true
        else leave.now = true
        return
      }
      leave = { now: false, afterChunk: false }
      void render(command, leave)
    })
    await sleep(200) // the others' hello, said before they joined, is heard first
    const speed = { seconds_per_forward: 0.01, tokens_per_forward: 64 }
    const what = {
      engine: 'demo',
      model: 'Acted-demo',
      device: 'cpu',
      versions: { ranks: 'acted' },
      presets: ['quality'],
    }
    say({ type: 'ready', ranks, ...what, ...speed })
  })
}

/** When the running job was asked to end. */
type Leave = { now: boolean; afterChunk: boolean }

function playRender(say: (message: RankMessage) => void, tell: (message: Collective) => void) {
  return async ({ job, directory, order }: RenderCommand, leave: Leave): Promise<void> => {
    const { prompt, steps, frames, first_chunk } = order as RankOrder & {
      prompt: string
      steps: number
      frames: number
    }
    if (process.env.ORDERS_FILE) appendFileSync(process.env.ORDERS_FILE, `${JSON.stringify(order)}\n`)
    const path = (name: string) => join(directory, name)
    const harms = countOf(path('harms'))
    const says = /saying (.*)/.exec(prompt)?.[1]
    if (/^is refused( saying |$)/.test(prompt) || (harms > 0 && prompt.endsWith('then is refused')))
      return say({
        type: 'rejected',
        job,
        code: first_chunk > 0 ? 'checkpoint_refused' : 'voice_silent',
        detail: says ?? 'voice 1 is silent',
      })
    if (first_chunk > 0 && !existsSync(path(`chunk-000${first_chunk - 1}.state`)) && !existsSync(path('checkpoint')))
      return say({ type: 'rejected', job, code: 'checkpoint_refused', detail: 'the checkpoint is not there' })
    const chunks = 2
    for (let chunk = first_chunk; chunk < chunks; chunk += 1) {
      const done = chunk === first_chunk ? savedSteps(path('steps.state'), chunk) : 0
      say({ type: 'progress', job, chunk, chunks, step: done, steps, seconds_left: null })
      for (let step = done + 1; step <= steps; step += 1) {
        const harm = step === 2 ? harmOf(prompt, harms) : undefined
        if (harm) appendFileSync(path('harms'), '1')
        await sleep(20) // what was said is heard before anybody comes to harm
        tell({ harm, says })
        if (harm) return // the others' answer never comes
        if (leave.now && prompt !== 'ignores abort') return say({ type: 'aborted', job })
        if (prompt === 'never ends' || prompt === 'ignores abort') step = 1
        await writeFile(path('steps.part'), `${chunk} ${step}`) // whole or not at all: it may be killed meanwhile
        await rename(path('steps.part'), path('steps.state'))
        say({ type: 'progress', job, chunk, chunks, step, steps, seconds_left: step > 1 ? 1.5 : null })
      }
      // Its inputs are what it gives back: a test sees that they came through.
      const inputs = (await readdir(directory)).sort().filter((name) => /^(reference|voice)/.test(name))
      const bytes = await Promise.all(inputs.map((name) => readFile(path(name))))
      const keep = async (name: string, content: Buffer) => {
        await writeFile(path(name), content)
        return { name, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
      }
      const segment = await keep(`chunk-000${chunk}.mp4`, Buffer.concat(bytes))
      const state = await keep(`chunk-000${chunk}.state`, Buffer.from(`state ${chunk}`))
      say({ type: 'chunk', job, index: chunk, frames: chunk === 0 ? 81 : 72, segment, state })
      if (leave.afterChunk && chunk + 1 < chunks) return say({ type: 'aborted', job })
    }
    say({ type: 'finished', job, chunks, frames, render_seconds: 1 })
    say({ type: 'speed', seconds_per_forward: 0.03, tokens_per_forward: 128 })
    say({ type: 'speed', seconds_per_forward: 0.02, tokens_per_forward: 64 })
  }
}

/** What the prompt has happen to rank 1, after so many times. */
function harmOf(prompt: string, before: number): Harm | undefined {
  const words = /^rank 1 (throws|dies|stalls|is stopped|hangs|is not a number|has no space)( once| twice)?/.exec(prompt)
  const times = { ' once': 1, ' twice': 2 }[words?.[2] ?? ''] ?? Infinity
  return before < times ? (words?.[1] as Harm | undefined) : undefined
}

function linesOf(path: string): number {
  return readFileSync(path, 'utf8').split('\n').length - 1
}

function countOf(path: string): number {
  return existsSync(path) ? readFileSync(path, 'utf8').length : 0
}

/** Finished steps of the chunk, as an earlier attempt has saved them. */
function savedSteps(path: string, chunk: number): number {
  const [saved, step] = existsSync(path) ? readFileSync(path, 'utf8').split(' ').map(Number) : []
  return saved === chunk ? (step ?? 0) : 0
}
