import { readdirSync, readFileSync } from 'node:fs'
import type { ChaosStack } from './stack.js'

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
 * Parts that hold clearly more than they did: half as many handles again and 30, twice the memory and 200 MiB. Ranks too: within a job
 * InfiniteTalk's rank 0 had 0.8 to 6 GB on a CPU, and after 20 videos 26 MiB more than before them.
 */
export function grown(before: Footprint, after: Footprint): string[] {
  return Object.entries(after).flatMap(([part, now]) => {
    const then = before[part]
    if (!then) return [`${part} was not there before`]
    const handles = now.handles > then.handles * 1.5 + 30
    const memory = now.rssMiB > then.rssMiB * 2 + 200
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
