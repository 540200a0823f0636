import { parentPort, workerData } from 'node:worker_threads'
import { readFilmFacts } from './film-facts.js'

// The thread of `film-facts-in-thread.ts`: reads by asking for ranges, and ends with what it has found.

export type Asked = { start: number; end: number } | { facts: Awaited<ReturnType<typeof readFilmFacts>> }
/** The bytes of the range that was asked for first and not answered yet; none where they cannot be read. */
export type Answered = Uint8Array | undefined

const port = parentPort
if (port === null) throw new Error('this is a thread, and no program')

const waiting: ((bytes: Answered) => void)[] = []
port.on('message', (bytes: Answered) => waiting.shift()?.(bytes))

const facts = await readFilmFacts({
  size: (workerData as { size: number }).size,
  read: async (start, end) => {
    const answer = new Promise<Answered>((resolve) => waiting.push(resolve))
    port.postMessage({ start, end } satisfies Asked)
    const bytes = await answer
    if (bytes === undefined) throw new Error('the film cannot be read')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  },
})
port.postMessage({ facts } satisfies Asked)
port.close()
