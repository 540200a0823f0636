import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What came back over the socket; `headers` by lower-case names. */
export type RawAnswer = { status: number; headers: Record<string, string>; body: Buffer }

export type RawRequest = {
  /** The request line and the headers, without the empty line. */
  head: string
  /** The body as it goes out, in these pieces. */
  pieces?: Iterable<Buffer>
  /** Nothing is read before all is sent, as many clients do. */
  isReadLate?: boolean
}

const limitMs = 120_000

/**
 * Sends bytes as they are over a socket of its own, which no HTTP client would, and reads the answer. Rejects where the connection ends
 * without a whole one.
 */
export async function rawRequest(
  url: string,
  { head, pieces = [], isReadLate = false }: RawRequest,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port || 80), hostname).setNoDelay()
  const cut = setTimeout(() => socket.destroy(new Error(`no answer within ${limitMs / 1000} s`)), limitMs)
  try {
    socket.pause()
    await once(socket, 'connect')
    const isHead = head.startsWith('HEAD ')
    const reading = isReadLate ? undefined : readAnswer(socket, isHead)
    reading?.catch(() => undefined) // awaited below
    // A server that refuses early closes while we send; whether its answer came is what counts.
    const sent = await send(socket, head, pieces).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (isReadLate && sent !== undefined)
      throw new Error('the connection was cut while it was sent to', { cause: sent })
    return await (reading ?? readAnswer(socket, isHead))
  } finally {
    clearTimeout(cut)
    socket.destroy()
  }
}

async function send(socket: Socket, head: string, pieces: Iterable<Buffer>): Promise<void> {
  await write(socket, Buffer.from(`${head}\r\n\r\n`, 'latin1'))
  let isPiecemeal = false
  for (const piece of pieces) {
    // A breath between small pieces, or the kernel would send them as one.
    if (isPiecemeal && piece.length < 16) await sleep(0)
    await write(socket, piece)
    isPiecemeal = true
  }
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

async function readAnswer(socket: Socket, isHead: boolean): Promise<RawAnswer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer)
    const answer = parse(Buffer.concat(chunks), isHead)
    if (answer?.isWhole === true) return answer
  }
  const answer = parse(Buffer.concat(chunks), isHead)
  if (answer === undefined) throw new Error('the connection was closed without an answer')
  return answer
}

/** Undefined as long as the head is not whole; an interim answer (100) is passed over. */
function parse(bytes: Buffer, isHead: boolean): (RawAnswer & { isWhole: boolean }) | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [line = '', ...fields] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = Number(line.split(' ')[1])
  const body = bytes.subarray(end + 4)
  if (status === 100) return parse(body, isHead)
  const headers = Object.fromEntries(fields.map((field) => [field.split(':')[0]?.toLowerCase(), valueOf(field)]))
  const length = headers['content-length']
  const isWhole = isHead || status === 204 || status === 304 || (length !== undefined && body.length >= Number(length))
  return { status, headers, body, isWhole }
}

function valueOf(field: string): string {
  return field.slice(field.indexOf(':') + 1).trim()
}
