import { mkdtempSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../program/is-alive.js'

/** What this process has made: in a container each start has the same number, so a number of our own may be a dead one's. */
const own = new Set<string>()

/** A folder of one's own, of this kind, for as long as it is held; nothing of it is left afterwards. */
export function tempFolder(kind: string): AsyncDisposable & { path: string } {
  // In one step with the next line, or another removal in this process would take it for left over.
  const path = mkdtempSync(join(tmpdir(), `text2video-${kind}-${process.pid}-`))
  own.add(path)
  return {
    path,
    async [Symbol.asyncDispose]() {
      // A process that even a kill did not end may write in it: what stays is removed by the next of this program.
      await rm(path, { recursive: true, force: true, maxRetries: 5 }).catch(() => {})
    },
  }
}

/** Removes the folders of this kind whose processes were killed: their names tell whose they were. */
export async function removeLeftFolders(kind: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const path = join(tmpdir(), name)
    const [, pid] = new RegExp(`^text2video-${kind}-(\\d+)-`).exec(name) ?? []
    if (pid === undefined || own.has(path) || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue
    await rm(path, { recursive: true, force: true }).catch(() => {}) // another user's
  }
}
