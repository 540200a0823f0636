import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../../infra/program/is-alive.js'

const prefix = 'text2video-work-'

/** A folder of one's own for as long as it is held; nothing of it is left afterwards. */
export async function tempFolder(name: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-${name}-`))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Removes the folders of processes that were killed: their names tell whose they were. */
export async function removeLeftFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = name.startsWith(prefix) ? (/^(\d+)-/.exec(name.slice(prefix.length)) ?? []) : []
    // Our own number is that of a dead one before us: in a container each start has the same.
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {}) // another user's
  }
}
