import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stack } from '../../infra/local/stack/stack.js'

/** CPU time in ms, by process; `… children` is of the programs that a process ran and that have ended, ffmpeg for one. */
export type Cpu = Record<string, number>

/** The kernel's clock ticks in /proc, 100 a second on every Linux that Node runs on. */
const tickMs = 10
const restMs = 5_000
const quietShare = 0.1
const quietMs = 500
const quietRounds = 3
/** On a machine that others use, a stack at rest may take more than that. */
const mostRounds = 120

/** What every part of a stack has used since it started. */
export function cpuOf(stack: Pick<Stack, 'pids'>): Cpu {
  const used: Cpu = {}
  for (const [part, pid] of Object.entries(stack.pids())) {
    // The program's name, in parentheses, may hold anything; what follows it is numbers.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ').map(Number) ?? []
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15)
    used[part] = (user + system) * tickMs
    used[`${part} children`] = (childUser + childSystem) * tickMs
  }
  return used
}

/** What was used from one reading to the next, for each of so many; without what has used less than 0.1 ms. */
export function cpuEach(before: Cpu, after: Cpu, count: number): Cpu {
  const each = Object.entries(after).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / count] as const)
  return Object.fromEntries(each.filter(([, ms]) => ms >= 0.1))
}

export function sum(cpu: Cpu): number {
  return Object.values(cpu).reduce((total, ms) => total + ms, 0)
}

/** What the stack takes at rest, ms a second. */
export async function cpuAtRest(stack: Pick<Stack, 'pids'>): Promise<Cpu> {
  const before = cpuOf(stack)
  await sleep(restMs)
  return cpuEach(before, cpuOf(stack), restMs / 1000)
}

/** Until the whole stack uses less than a tenth of a core: what was begun has been done. */
export async function untilQuiet(stack: Pick<Stack, 'pids'>): Promise<void> {
  let [used, quiet] = [sum(cpuOf(stack)), 0]
  for (let round = 0; quiet < quietRounds && round < mostRounds; round++) {
    await sleep(quietMs)
    const now = sum(cpuOf(stack))
    quiet = now - used < quietShare * quietMs ? quiet + 1 : 0
    used = now
  }
}
