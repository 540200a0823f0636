import { linkNames, nodes, type NodeNumber, programs, servers } from './stack.js'
import type { Random } from './random.js'

type Program = (typeof programs)[number]

/**
 * Everything that is done to a stack. `ms`: how long it lasts; faults without one last until what they end is back.
 *
 * kill, term    a process ends, by SIGKILL or SIGTERM
 * power-loss    every process is killed at once, the supervisor too, and the stack started again on the same disk
 * stop          a process stands still (SIGSTOP) and goes on
 * away          a server cannot be reached by anyone
 * link          one connection between two processes fails in one of the ways of `tcp-fault-proxy.ts`
 * no-folder     the files of the job that the node renders are removed
 * torn-steps    the runner is killed and its newest step checkpoint cut short
 * torn-chunk    a finished chunk in S3 is cut short, and its node loses runner and files, so that S3 is needed
 */
export type Fault =
  | { kind: 'kill'; part: Program | (typeof servers)[number] }
  | { kind: 'kill-rank'; node: NodeNumber; rank: number }
  | { kind: 'term'; part: Program }
  | { kind: 'power-loss' }
  | { kind: 'stop'; part: `${'node' | 'runner'}-${NodeNumber}`; ms: number }
  | { kind: 'stop-rank'; node: NodeNumber; rank: number; ms: number }
  | { kind: 'away'; server: (typeof servers)[number]; how: 'blackhole' | 'cut'; ms: number }
  | { kind: 'link'; link: string; how: (typeof linkFaults)[number]; ms: number }
  | { kind: 'no-folder'; node: NodeNumber }
  | { kind: 'torn-steps'; node: NodeNumber; share: number }
  | { kind: 'torn-chunk'; file: 'segment' | 'state'; share: number }

/** What users do meanwhile, between one fault and the next. */
export const actions = ['cancel', 'delete', 'send again', 'send twice', 'break upload', 'break download'] as const
export type Action = (typeof actions)[number]

export type Step = {
  /** One, or two at the same time. */
  faults: Fault[]
  /** Waited after the nodes are at work, so that a fault may fall anywhere in a chunk. */
  delayMs: number
  action: Action | undefined
}

const linkFaults = ['latency', 'bandwidth', 'blackhole', 'cut', 'reset'] as const
/** The word under which a fault is counted: the same thing done to either node is one kind. */
export function faultName(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'term':
    case 'stop':
      return `${fault.kind} ${fault.part.replace(/-\d$/, '')}`
    case 'away':
      return `${fault.server} away`
    case 'link':
      return `link ${fault.how}`
    case 'kill-rank':
    case 'power-loss':
    case 'stop-rank':
    case 'no-folder':
    case 'torn-steps':
    case 'torn-chunk':
      return fault.kind.replace('-', ' ')
  }
}

/** Draws one fault of each kind; `longest`: how long they may last, in ms. */
function everyKind(random: Random, longest: number): Fault[] {
  const node = () => random.pick(nodes)
  const rank = () => random.whole(0, 1)
  const ms = () => random.whole(1000, longest)
  const kills = ['api', 'videos', 'media', `node-${node()}`, `runner-${node()}`, ...servers] as const
  const terms = ['api', 'videos', 'media', `node-${node()}`, `runner-${node()}`] as const
  const stops = [`node-${node()}`, `runner-${node()}`] as const
  return [
    ...kills.map((part): Fault => ({ kind: 'kill', part })),
    ...terms.map((part): Fault => ({ kind: 'term', part })),
    ...stops.map((part): Fault => ({ kind: 'stop', part, ms: ms() })),
    ...servers.map((server): Fault => ({ kind: 'away', server, how: random.pick(['blackhole', 'cut']), ms: ms() })),
    ...linkFaults.map((how): Fault => ({ kind: 'link', link: random.pick(linkNames), how, ms: ms() })),
    { kind: 'power-loss' },
    { kind: 'kill-rank', node: node(), rank: rank() },
    { kind: 'stop-rank', node: node(), rank: rank(), ms: ms() },
    { kind: 'no-folder', node: node() },
    { kind: 'torn-steps', node: node(), share: random.next() },
    { kind: 'torn-chunk', file: random.pick(['segment', 'state']), share: random.next() },
  ]
}

export const kinds = 27

/** A run: every kind once in each round of `kinds`, in an order of its own; `together`: the share that come in pairs. */
export function schedule(random: Random, count: number, longest: number, together: number): Step[] {
  const faults: Fault[] = []
  while (faults.length < count) faults.push(...random.shuffled(everyKind(random, longest)))
  faults.length = count
  const steps: Step[] = []
  for (let fault = faults.shift(); fault; fault = faults.shift()) {
    const [next] = faults
    const both = next && alone(fault) + alone(next) === 0 && random.chance(together)
    if (both) faults.shift()
    const action = random.chance(0.5) ? random.pick(actions) : undefined
    steps.push({ faults: both ? [fault, next] : [fault], delayMs: random.whole(0, 1500), action })
  }
  return steps
}

/** 1 for a fault that needs a stack which is otherwise well. */
function alone({ kind }: Fault): number {
  return kind === 'power-loss' || kind === 'torn-chunk' ? 1 : 0
}

export function stepText({ faults, delayMs, action }: Step): string {
  const what = faults.map(({ kind, ...how }) => `${kind} (${Object.entries(how).map(word).join(', ')})`).join(' and ')
  return `${what} after ${delayMs} ms${action === undefined ? '' : `; a user: ${action}`}`
}

function word([name, value]: [string, unknown]): string {
  return `${name} ${typeof value === 'number' ? Math.round(value * 1000) / 1000 : String(value)}`
}
