// @ts-check
import { existsSync } from 'node:fs'

/**
 * util-linux's setpriv, which asks the kernel to end a command with its parent; undefined where there is none. Busybox has one
 * that does not know --pdeathsig, but not in /usr/bin beside util-linux.
 */
export function findSetpriv() {
  return process.platform === 'linux'
    ? ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
    : undefined
}
