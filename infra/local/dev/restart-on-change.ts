import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../setup/root.mjs'
import { affectedParts } from './affected-parts.js'

export type RestartOnChange = {
  /** Holds the source folders. */
  folder: string
  /** Processes that run now, by part; whoever supervises them starts one that ends again. */
  pids: () => Record<string, number>
  /** Whether all is built; says itself what is wrong. */
  build: () => Promise<boolean>
  signal: AbortSignal
}

/** An editor saves several files one after the other. */
const settleMs = 300

/** When a source file changes: builds, and asks the parts that run it to end, until `signal` is aborted. */
export async function restartOnChange({ folder, pids, build, signal }: RestartOnChange): Promise<void> {
  const changed = new Set<string>()
  /** Also of builds that failed: it takes effect with the next that does not. */
  const unbuilt = new Set<string>()
  let wake = () => {}
  const sources = ['api', 'activities', 'gaudi-runner', 'infra', 'workflows'].map(async (source) => {
    for await (const { filename } of watch(join(folder, source), { recursive: true, signal })) {
      if (filename === null || affectedParts(`${source}/${filename}`, Object.keys(pids())).length === 0) continue
      changed.add(`${source}/${filename}`)
      wake()
    }
  })
  for (const source of sources) source.catch((error: unknown) => signal.aborted || console.error(error))
  signal.addEventListener('abort', () => wake(), { once: true })
  while (!signal.aborted) {
    if (changed.size === 0) await new Promise<void>((resolve) => (wake = resolve))
    await sleep(settleMs)
    for (const path of changed) unbuilt.add(path)
    changed.clear()
    if (signal.aborted || unbuilt.size === 0) continue
    const paths = [...unbuilt]
    console.log(`building, for ${paths.join(', ')} has changed`)
    if (!(await build())) continue
    unbuilt.clear()
    const affected = paths.map((path) => affectedParts(path, Object.keys(pids())))
    if (affected.includes('stack')) console.log('infra/local has changed: start `npm run dev` again to see it')
    const parts = new Set(affected.flatMap((names) => (names === 'stack' ? [] : names)))
    const running = pids()
    for (const part of parts) askToEnd(running[part])
  }
}

function askToEnd(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGTERM')
  } catch {
    // It has just ended, and is being started again.
  }
}

/** `npm run build`, in a process of its own. */
export async function build(): Promise<boolean> {
  const building = spawn(process.execPath, [join(root, 'infra/local/build.mjs')], { stdio: 'inherit' })
  const [code] = (await once(building, 'close')) as [number | null]
  return code === 0
}
