import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BadSettings } from '../program/settings.js'

/** Some 500,000 files can be looked at in this time. */
const budgetMs = 5_000
const othersMay = 0o077

/**
 * The folder that a setting names, without symbolic links, so that nobody can point it elsewhere afterwards; made with mode 0700
 * where it is not there. Throws `BadSettings` where it, or the link that leads to it, belongs to another user.
 */
export function ownFolder(setting: string, path: string): string {
  const refused = (problem: string) => new BadSettings(`${setting}=${path}: ${problem}`)
  const wished = resolve(path)
  const look = () => {
    mkdirSync(wished, { recursive: true, mode: 0o700 })
    const real = realpathSync(wished)
    return { link: lstatSync(wished), real, folder: statSync(real) }
  }
  const { link, real, folder } = attempt(look, (code) => refused(`cannot be used as a folder (${code})`))
  if (link.isSymbolicLink() && !isOurs(link) && link.uid !== 0) {
    throw refused(`it is a symbolic link of another user (uid ${link.uid}), who can point it elsewhere`)
  }
  if (!isOurs(folder)) {
    throw refused(
      `${real} belongs to another user (uid ${folder.uid}): give it to this one with chown, or choose another`,
    )
  }
  return real
}

/**
 * Closes the folder to other users, and then what lies in it: older versions left it open. Returns what was closed, in a sentence;
 * undefined where nothing was. Where the time is not enough for all of it, the folder itself keeps others out.
 */
export function closeToOthers(folder: string, { limitMs = budgetMs } = {}): string | undefined {
  const refused = (code: string) =>
    new BadSettings(`${folder} cannot be closed to other users (${code}): give all of it to this one with chown -R`)
  return attempt(() => close(folder, performance.now() + limitMs), refused)
}

function close(folder: string, deadline: number): string | undefined {
  const { mode } = statSync(folder)
  let closed = closeOne(folder, mode)
  let isAll = true
  for (const { path, found } of inside(folder)) {
    isAll = performance.now() < deadline
    if (!isAll) break
    closed += closeOne(path, found.mode)
  }
  if (closed === 0) return undefined
  const rest = isAll ? '' : '; not all of it could be looked at in time, but nobody else gets into the folder'
  return `${folder} (mode ${(mode & 0o777).toString(8)}): ${closed} files and folders were open to other users, and are closed now${rest}`
}

/** Symbolic links are left out: chmod would follow them, and they give no rights of their own. */
function* inside(folder: string): Generator<{ path: string; found: Stats }> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined || found.isSymbolicLink()) continue
    yield { path, found }
    if (found.isDirectory()) yield* inside(path)
  }
}

/** How many it has closed: 1 or 0. */
function closeOne(path: string, mode: number): number {
  if ((mode & othersMay) === 0) return 0
  chmodSync(path, mode & 0o700)
  return 1
}

/** Where the system knows no users, everything is ours. */
function isOurs({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid()
}

/** Makes what the system says a person's to read. */
function attempt<T>(work: () => T, refused: (code: string) => BadSettings): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof Error && 'code' in error ? refused(String(error.code)) : error
  }
}
