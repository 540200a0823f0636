import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processes whose command line or environment names this folder: every part of a stack is given its data folder in one or the
 * other. Each as `pid command`. Empty where there is no /proc to look at.
 */
export function processesOf(dataDir: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`)
      const names = command.includes(dataDir) || read(`/proc/${pid}/environ`).includes(`=${dataDir}`)
      return names ? [`${pid} ${command.replaceAll('\0', ' ').slice(0, 200)}`] : []
    })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has just ended, or is not ours to look at
  }
}
