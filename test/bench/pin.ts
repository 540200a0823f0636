import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { onPath } from '../../infra/local/setup/parts.mjs'
import type { Stack } from '../../infra/local/stack/stack.js'

/** Which core serves whom while something is measured. */
export type Cores = { store: number; client: number }

/** Gives the store one core, and the API, with the client, another; undefined where that is not possible. */
export async function pinStack(stack: Stack): Promise<Cores | undefined> {
  const { minio, api } = stack.pids()
  if (onPath('taskset') === undefined || availableParallelism() < 2 || minio === undefined || api === undefined) {
    return undefined
  }
  const cores = { store: 0, client: 1 }
  await pin(minio, cores.store)
  await pin(api, cores.client)
  return cores
}

/** A command of the client, on its core. */
export function onClientCore(cores: Cores | undefined, program: string, args: string[]): [string, string[]] {
  return cores === undefined ? [program, args] : ['taskset', ['-c', String(cores.client), program, ...args]]
}

/** All threads of a process. */
async function pin(pid: number, core: number): Promise<void> {
  await promisify(execFile)('taskset', ['-a', '-p', '-c', String(core), String(pid)])
}
