// @ts-check
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Everything that set-up builds or downloads, of all checkouts of this user; a fresh checkout finds it here. */
export const cacheFolder = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'text2video',
  `${process.platform}-${process.arch}`,
)

/** Marks folders that are still being made; those of a killed set-up are swept by the next one. */
const partial = '.partial-'

/**
 * Makes a folder of the cache: under another name, renamed once complete, so that a killed set-up leaves no half part.
 * @param {string} folder the folder in the end
 * @param {(folder: string) => Promise<void>} make fills the folder it is given
 */
export async function place(folder, make) {
  const unfinished = `${folder}${partial}${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  await make(unfinished)
  rmSync(folder, { recursive: true, force: true })
  renameSync(unfinished, folder)
}

/** Removes what killed set-ups left behind. Only under the lock: another set-up may be at work. */
export function sweep() {
  for (const name of readdirSync(cacheFolder)) {
    if (name.includes(partial)) rmSync(join(cacheFolder, name), { recursive: true, force: true })
  }
}
