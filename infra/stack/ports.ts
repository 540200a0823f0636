import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { portHolder } from './port-holder.js'

/** A port that a part will listen on; `port` 0 stands for any free one. */
export type PortWish = { part: string; variable: string; port: number; host?: string }

/** Ports that others hold, each with its part and variable. */
export class PortsTaken extends Error {}

/**
 * The wished ports, the free ones chosen. All of them are looked at before anything starts, so that one message names every
 * port in use.
 */
export async function takePorts<Name extends string>(wishes: Record<Name, PortWish>): Promise<Record<Name, number>> {
  const taken: string[] = []
  const ports = {} as Record<Name, number>
  const probes: AsyncDisposable[] = []
  for (const [name, wish] of Object.entries<PortWish>(wishes)) {
    try {
      const probe = await listenOnce(wish)
      probes.push(probe) // kept until all are chosen, so that no port is given out twice
      ports[name as Name] = probe.port
    } catch (error) {
      taken.push(problem(wish, error))
    }
  }
  for (const probe of probes) await probe[Symbol.asyncDispose]()
  if (taken.length > 0) throw new PortsTaken(taken.join('\n'))
  return ports
}

async function listenOnce({ port, host = '127.0.0.1' }: PortWish): Promise<AsyncDisposable & { port: number }> {
  const server = createServer().listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

function problem({ part, variable, port }: PortWish, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'EADDRINUSE') {
    return `port ${port} for ${part} cannot be listened on (${String(code ?? error)}): set ${variable} to another port`
  }
  const holder = portHolder(port)
  const program = holder ? `pid ${holder.pid}: ${holder.command}` : 'another program'
  return `port ${port} for ${part} is in use (${program}): end that program, or set ${variable} to another port`
}
