// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const hold = `
import fcntl, sys
with open(sys.argv[1], 'w') as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('waiting', flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    print('held', flush=True)
    sys.stdin.read()
`

/**
 * Holds the cache's lock while `work` runs: two set-ups at once take turns. Node has no file locks, Python (which set-up
 * needs anyway) has; the kernel frees it when either process dies, so there is no stale lock to judge.
 * @template T
 * @param {string} folder
 * @param {string} python
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, python, work) {
  const holder = spawn(python, ['-c', hold, join(folder, 'lock')], { stdio: ['pipe', 'pipe', 'inherit'] })
  holder.stdin.on('error', () => {}) // it may have ended first
  try {
    for await (const chunk of holder.stdout.setEncoding('utf8')) {
      if (chunk.includes('held')) return await work()
      console.log('another set-up is at work on the same cache; waiting for it')
    }
    throw new Error(`the lock on ${folder} could not be taken`)
  } finally {
    holder.stdin.end()
    if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit')
  }
}
