import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

const longest = 100
const listening = '0A'

/** The program that listens on a TCP port; undefined where the system does not tell: no /proc, or another user's process. */
export function portHolder(port: number): { pid: number; command: string } | undefined {
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listenersIn(read(table), port))
  if (sockets.length === 0) return undefined
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    const isHolder = list(`/proc/${pid}/fd`).some((file) => sockets.includes(target(`/proc/${pid}/fd/${file}`)))
    if (isHolder) return { pid: Number(pid), command: commandOf(Number(pid)) }
  }
  return undefined
}

/** The command line of a process as a person knows it again; empty where the system does not tell. */
export function commandOf(pid: number): string {
  const [program = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0')
  const line = [basename(program), ...args].join(' ').trim()
  return line.length > longest ? `${line.slice(0, longest)} …` : line
}

/** Links as a process's open files show them. Columns of the table: 1 is address:port in hex, 3 the state, 9 the inode. */
function listenersIn(table: string, port: number): string[] {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/))
  return rows
    .filter(([, local, , state]) => state === listening && Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
    .map((row) => `socket:[${row[9]}]`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return [] // it has just ended, or is another user's
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
