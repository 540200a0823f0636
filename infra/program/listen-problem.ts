import { portHolder } from './port-holder.js'

/** What wants to listen where, with the variables that say so; without `host` on loopback. */
export type ListenWish = { part: string; variable: string; port: number; host?: string; hostVariable?: string }

/** Why nothing can listen there, and what to change, in one line. */
export function listenProblem(wish: ListenWish, error: unknown): string {
  const { part, variable, port, host, hostVariable } = wish
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  if (hostVariable !== undefined && ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)) {
    return `${hostVariable}=${host}: this machine has no such address for ${part} (${code})`
  }
  if (code !== 'EADDRINUSE') {
    return `port ${port} for ${part} cannot be listened on (${code}): set ${variable} to another port`
  }
  const holder = portHolder(port)
  const program = holder ? `pid ${holder.pid}: ${holder.command}` : 'another program'
  return `port ${port} for ${part} is in use (${program}): end that program, or set ${variable} to another port`
}
