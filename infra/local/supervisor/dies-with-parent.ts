import { join } from 'node:path'
import { findSetpriv } from '../setup/setpriv.mjs'

/**
 * The command line that runs `command` so that it ends when we do, `kill -9` included.
 *
 * On Linux the kernel sees to it (`setpriv` only sets the flag and becomes the command: same pid, no process more). Where there is
 * no setpriv, a small watcher stands between and kills the command when our end of its stdin closes.
 */
export function diesWithParent(command: string, args: string[], setpriv = findSetpriv()): [string, string[]] {
  if (setpriv) return [setpriv, ['--pdeathsig', 'KILL', command, ...args]]
  return [process.execPath, [join(import.meta.dirname, 'watched.js'), command, ...args]]
}
