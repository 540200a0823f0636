import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that stays the same even if its number is given to another one; `startedAt` is '' where there is no /proc. */
export type ProcessIdentity = { pid: number; startedAt: string }

type ProcessStat = { state: string; parent: number; startedAt: string }

/** The process that has this number now; undefined if there is none. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await statOf(pid)
  if (stat) return { pid, startedAt: stat.startedAt }
  return process.platform !== 'linux' && signal(pid, 0) ? { pid, startedAt: '' } : undefined
}

/** Whether it has been stopped (SIGSTOP), so that nothing can be heard of it. */
export async function isStopped({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  const stat = await statOf(pid)
  return stat?.startedAt === startedAt && (stat.state === 'T' || stat.state === 't')
}

/** Children of these, their children and so on, sessions of their own included; none where there is no /proc. */
export async function descendantsOf(...ancestors: number[]): Promise<ProcessIdentity[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const stats = await Promise.all(pids.map(async (each) => ({ pid: each, stat: await statOf(each) })))
  const family = new Set(ancestors)
  const found: ProcessIdentity[] = []
  // A pass adds one generation; numbers wrap around, so that a child may come before its parent.
  for (let before = 0; before < family.size; ) {
    before = family.size
    for (const { pid: each, stat } of stats) {
      if (!stat || family.has(each) || !family.has(stat.parent)) continue
      family.add(each)
      found.push({ pid: each, startedAt: stat.startedAt })
    }
  }
  return found
}

/** Kills those that are still there and waits until they are gone; returns those that even SIGKILL did not end in time. */
export async function killAll(family: Iterable<ProcessIdentity>, waitMs: number): Promise<ProcessIdentity[]> {
  const deadline = performance.now() + waitMs
  let left = await alive(family)
  for (const { pid } of left) signal(pid, 'SIGKILL')
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(20)
    left = await alive(left)
  }
  return left
}

async function alive(family: Iterable<ProcessIdentity>): Promise<ProcessIdentity[]> {
  const now = await Promise.all([...family].map(async (each) => ({ each, current: await identify(each.pid) })))
  return now.filter(({ each, current }) => current?.startedAt === each.startedAt).map(({ each }) => each)
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false // gone already
  }
}

/** Undefined for one that is gone, or dead and only waiting for its parent to look (a zombie holds nothing). */
async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the program's name in brackets and may hold anything; fields 3, 4 and 22 are state, parent, start.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields?.[0] ?? ''
  if (!fields || state === 'Z' || state === 'X') return undefined
  return { state, parent: Number(fields[1]), startedAt: fields[19] ?? '' }
}
