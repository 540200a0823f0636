import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { removeLeftFolders, tempFolder } from '../../infra/files/temp-folder.js'
import { type RankMessage, type RunnerCommand, rankMessage } from './rank-protocol.js'

export type RankControlListener = {
  onMessage(rank: number, message: RankMessage): void
  /** The rank's connection has ended: after its death, or as its way to leave. */
  gone(rank: number): void
  /** A connection, of an unknown rank if `rank` is −1, that does not keep to the protocol. */
  garbled(rank: number, problem: string): void
}

/** The socket that the ranks of one launch connect to, in a folder of this launch that only this user may enter. */
export class RankControl implements AsyncDisposable {
  readonly path: string
  readonly #folder: AsyncDisposable
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #byRank = new Map<number, Socket>()

  /** The folder is made in the system's own for temporary files: a socket's path may have 107 bytes at most. */
  static async listen(listener: RankControlListener): Promise<RankControl> {
    await removeLeftFolders('ranks')
    const folder = tempFolder('ranks')
    const server = createServer()
    const control = new RankControl(folder, server, listener)
    server.listen(control.path)
    await once(server, 'listening')
    return control
  }

  private constructor(folder: AsyncDisposable & { path: string }, server: Server, listener: RankControlListener) {
    this.#folder = folder
    this.path = join(folder.path, 'control.sock')
    this.#server = server
    server.on('connection', (socket) => this.#converse(socket, listener))
  }

  /** Dropped if rank 0 has gone: its group is ending then. */
  send(command: RunnerCommand): void {
    const socket = this.#byRank.get(0)
    if (socket?.writable) socket.write(`${JSON.stringify(command)}\n`)
  }

  /** Tells the ranks to leave. */
  hangUp(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Hangs up and removes the folder, with all that the ranks have left in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp()
    await this.#folder[Symbol.asyncDispose]()
  }

  #converse(socket: Socket, listener: RankControlListener): void {
    let rank = -1
    this.#sockets.add(socket)
    socket.on('error', () => {}) // 'close' follows
    createInterface({ input: socket }).on('line', (line) => {
      const message = readMessage(line)
      if (!message) return listener.garbled(rank, `not a message of the protocol: ${line.slice(0, 200)}`)
      if (message.type === 'hello') {
        rank = message.rank
        this.#byRank.set(rank, socket)
      } else if (rank === -1) return listener.garbled(rank, `${message.type} before hello`)
      listener.onMessage(rank, message)
    })
    socket.on('close', () => {
      this.#sockets.delete(socket)
      // The last words may still be on their way through the line reader.
      if (rank !== -1) setImmediate(() => listener.gone(rank))
    })
  }
}

function readMessage(line: string): RankMessage | undefined {
  try {
    return rankMessage.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
