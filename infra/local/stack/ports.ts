import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type ListenWish, listenProblem } from '../../program/listen-problem.js'

/** A port that a part will listen on; `port` 0 stands for any free one. One that `givesWay` is no problem when it is taken. */
export type PortWish = ListenWish & { givesWay?: boolean }

/** Ports that cannot be had, each with its part and variable. */
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
      const probe = await listenOnce(wish).catch((error: unknown) => {
        if (wish.givesWay) return listenOnce({ ...wish, port: 0 })
        throw error
      })
      probes.push(probe) // kept until all are chosen, so that no port is given out twice
      ports[name as Name] = probe.port
    } catch (error) {
      taken.push(listenProblem(wish, error))
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
