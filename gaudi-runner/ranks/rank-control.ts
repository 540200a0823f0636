import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { identify } from './process-family.js'
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
  readonly #folder: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #byRank = new Map<number, Socket>()

  /** The folder is made in the system's own for temporary files: a socket's path may have 107 bytes at most. */
  static async listen(listener: RankControlListener): Promise<RankControl> {
    await removeLeftOvers()
    const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`))
    const server = createServer()
    const control = new RankControl(folder, server, listener)
    server.listen(control.path)
    await once(server, 'listening')
    return control
  }

  private constructor(folder: string, server: Server, listener: RankControlListener) {
    this.#folder = folder
    this.path = join(folder, 'control.sock')
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
    // A process that even a kill did not end may write in it; what stays is removed after this runner.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => {})
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

const prefix = 'text2video-ranks-'

/** Folders of runners that were killed: their names tell whose they were. */
async function removeLeftOvers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = name.startsWith(prefix) ? (/^(\d+)-/.exec(name.slice(prefix.length)) ?? []) : []
    if (pid === undefined || (await identify(Number(pid)))) continue
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {}) // another user's
  }
}

function readMessage(line: string): RankMessage | undefined {
  try {
    return rankMessage.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
