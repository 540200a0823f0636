// @ts-check
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const lookEveryMs = 200

/**
 * Asks this process to leave, by SIGTERM, once its parent has gone; at once, if that has gone already. Not of a parent that is
 * process 1: with it everything ends.
 *
 * A look at the parent's number does the same on every system. The kernel's signal for it would have to be asked for before
 * Node starts, on Linux only, and is told to one process: the parts' is (see supervisor/dies-with-parent.ts).
 * @param {number} parent
 * @returns {Disposable} ends the watch
 */
export function watchParent(parent) {
  const look = () => {
    if (parent <= 1 || process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }
  const timer = setInterval(look, lookEveryMs).unref()
  look()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/**
 * Whether `nohup` started us, or npm for us: a closed terminal shall not end us then. That SIGHUP was ignored cannot be seen any
 * more, since Node undoes it when it starts; but shells say in `_` which program they start.
 */
export function isUnderNohup() {
  return [process.env._, variableOf(process.ppid, '_')].some((program) => program && basename(program) === 'nohup')
}

/** @param {number} pid @param {string} name */
function variableOf(pid, name) {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
  } catch {
    return undefined // no /proc, or it has just gone
  }
}
