/** What wants to listen where, with the variables that say so; without `host` on loopback. */
export type ListenWish = { part: string; variable: string; port: number; host?: string; hostVariable?: string }

/** Why nothing can listen there, and what to change, in one line. */
export function listenProblem(wish: ListenWish, error: unknown): string {
  const { part, variable, port, host, hostVariable } = wish
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  if (hostVariable !== undefined && ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)) {
    return `${hostVariable}=${host}: this machine has no such address for ${part} (${code})`
  }
  const why = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened on (${code})`
  return `port ${port} for ${part} ${why}: end that program, or set ${variable} to another port`
}
