import { readdirSync, readFileSync } from 'node:fs'
import type { ChaosStack } from './chaos-stack.js'

/** What each long-lived process holds, by the part's name; ranks as `rank-<node>.<rank>`. */
export type Footprint = Record<string, { rssMiB: number; handles: number }>

export async function footprint(stack: ChaosStack): Promise<Footprint> {
  const pids = Object.entries(await stack.pids())
  for (const node of [1, 2] as const) {
    for (const [rank, pid] of (await stack.ranks(node)).entries()) pids.push([`rank-${node}.${rank}`, pid])
  }
  return Object.fromEntries(pids.map(([part, pid]) => [part, heldBy(pid)]))
}

/**
 * Ranks keep what a chunk once took (`keep_freed_memory`), so what they hold tells which videos they have rendered: 0.65 GiB
 * when it comes up, rank 0 has 1.6 after a film of two chunks, 1.7 after five of them, 2.1 after two more of three chunks.
 */
const rankMiB = 2600

/** Parts that hold clearly more than they did: half as many handles again and 30, twice the memory and 200 MiB. */
export function grown(before: Footprint, after: Footprint): string[] {
  return Object.entries(after).flatMap(([part, now]) => {
    const then = before[part]
    if (!then) return [`${part} was not there before`]
    const handles = now.handles > then.handles * 1.5 + 30
    const memory = now.rssMiB > (part.startsWith('rank-') ? rankMiB : then.rssMiB * 2 + 200)
    return handles || memory
      ? [`${part} grew from ${then.rssMiB} to ${now.rssMiB} MiB, from ${then.handles} to ${now.handles} handles`]
      : []
  })
}

function heldBy(pid: number): Footprint[string] {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  return { rssMiB: Math.round(kib / 1024), handles: readdirSync(`/proc/${pid}/fd`).length }
}
