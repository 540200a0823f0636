import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What a connection through the proxy meets.
 *
 * pass       bytes go on as they come
 * latency    each piece goes on `ms` later, in either direction
 * bandwidth  at most so many bytes a second, in either direction
 * blackhole  nothing goes on and nothing is answered, as when a cable is pulled; what was sent arrives once it is plugged in again
 * cut        connections end in order (FIN), new ones as soon as they are made
 * reset      connections break (RST), new ones as soon as they are made
 */
export type LinkState =
  | { kind: 'pass' }
  | { kind: 'latency'; ms: number }
  | { kind: 'bandwidth'; bytesPerSecond: number }
  | { kind: 'blackhole' }
  | { kind: 'cut' }
  | { kind: 'reset' }

export type TcpFaultProxy = AsyncDisposable & {
  readonly port: number
  /** host:port to connect to. */
  readonly address: string
  readonly state: LinkState
  /** From now on, for the connections that are there as well. */
  become(state: LinkState): void
  /** Connections that are open now. */
  readonly connections: number
}

/** A TCP proxy on loopback in front of `target` (host:port), which need not listen yet; `port` 0 takes any free one. */
export async function tcpFaultProxy(target: string, port = 0): Promise<TcpFaultProxy> {
  const link = new Link(target)
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => link.accept(socket))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const own = (server.address() as AddressInfo).port
  return {
    port: own,
    address: `127.0.0.1:${own}`,
    get state() {
      return link.state
    },
    get connections() {
      return link.open.size
    },
    become: (state) => link.become(state),
    async [Symbol.asyncDispose]() {
      server.close()
      link.become({ kind: 'reset' })
      await once(server, 'close')
    },
  }
}

/** Both ends of every connection, and the state that they are all in. */
class Link {
  readonly open = new Set<Socket>()
  readonly #host: string
  readonly #port: number
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #state: LinkState = { kind: 'pass' }

  constructor(target: string) {
    const [host = '', port = ''] = target.split(':')
    this.#host = host
    this.#port = Number(port)
  }

  get state(): LinkState {
    return this.#state
  }

  become(state: LinkState): void {
    this.#state = state
    this.#changes.emit('change')
    if (state.kind === 'cut') for (const socket of this.open) socket.destroy()
    if (state.kind === 'reset') for (const socket of this.open) reset(socket)
  }

  accept(near: Socket): void {
    if (this.#state.kind === 'cut') return void near.destroy()
    if (this.#state.kind === 'reset') return reset(near)
    const far = connect({ host: this.#host, port: this.#port, allowHalfOpen: true, noDelay: true })
    this.#carry(near, far)
    this.#carry(far, near)
  }

  /** One direction of one connection: a piece is read when the one before has gone on. */
  #carry(from: Socket, to: Socket): void {
    this.open.add(from)
    let sent = Promise.resolve()
    from.on('data', (piece: Buffer) => {
      from.pause()
      sent = this.#delay(piece.length).then(() => {
        if (to.write(piece)) from.resume()
        else to.once('drain', () => from.resume())
      })
    })
    // The end may be told while the last piece still waits.
    from.once('end', () => void sent.then(() => this.#delay(0)).then(() => to.end()))
    from.once('error', () => reset(to)) // a broken end breaks the other alike
    from.once('close', () => {
      this.open.delete(from)
      if (!from.readableEnded) to.destroy()
    })
  }

  /** Waits as the link is now; what a black hole holds goes by the state that ends it. */
  async #delay(bytes: number): Promise<void> {
    for (;;) {
      const state = this.#state
      switch (state.kind) {
        case 'latency':
          return void (await sleep(state.ms))
        case 'bandwidth':
          return void (await sleep((bytes / state.bytesPerSecond) * 1000))
        case 'blackhole':
          await once(this.#changes, 'change')
          continue
        case 'pass':
        case 'cut':
        case 'reset':
          return
      }
    }
  }
}

/**
 * Breaks a connection with RST, or one of which we have said the end already in order: libuv refuses to reset that one, and Node then
 * never lets go of it, so that the process spins at its exit (Node 20.20, seen).
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
