import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A TCP socket that waits for connections. `host` is an address as people write it, `*` every interface. */
export type OpenPort = { pid: number; command: string; host: string; port: number }

const listening = '0A'

/** Those of the processes, as the kernel has them; Linux only. */
export function openPortsOf(pids: number[]): OpenPort[] {
  const sockets = new Map(
    ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/net/${table}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .flatMap(([, local = '', , state, , , , , , inode = '']) =>
          state === listening ? [[inode, addressOf(local)] as const] : [],
        ),
    ),
  )
  return pids.flatMap((pid) =>
    inodesOf(pid).flatMap((inode) => {
      const address = sockets.get(inode)
      return address ? [{ pid, command: commandOf(pid), ...address }] : []
    }),
  )
}

/** The table writes hexadecimal numbers, the bytes of an address in the machine's own order. */
function addressOf(local: string): { host: string; port: number } {
  const [hex = '', port = ''] = local.split(':')
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Buffer.from(word, 'hex')].reverse())
  return { host: hostOf(bytes), port: Number.parseInt(port, 16) }
}

function hostOf(bytes: number[]): string {
  if (bytes.every((byte) => byte === 0)) return '*'
  if (bytes.length === 4) return bytes.join('.')
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  if (mapped) return bytes.slice(12).join('.')
  const isOne = bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1
  return isOne ? '::1' : Buffer.from(bytes).toString('hex')
}

function inodesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return names(folder).flatMap((name) => /^socket:\[(\d+)\]$/.exec(target(`${folder}/${name}`))?.[1] ?? [])
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // it has just ended
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return '' // closed meanwhile
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
