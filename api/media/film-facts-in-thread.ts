import { addAbortListener, once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Reading, type StoredBytes, storedBytes } from './container-facts.js'
import type { FilmFacts } from './film-facts.js'
import type { Answered, Asked } from './film-facts-thread.js'

/** An honest film is read in less than 100 ms, a store that is slow included. */
const threadMs = 15_000
const heapMiB = 256

/**
 * What a film's container says of it; undefined where it cannot be read, or not in time: the demuxer runs in a thread of its own,
 * which is ended then, since a harmed file can hold it for ever (Matroska, mediabunny 1.61). Rejects where the store is away.
 */
export async function filmFacts(
  store: Reading,
  file: StoredBytes,
  signal: AbortSignal,
): Promise<FilmFacts | undefined> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(threadMs)])
  const bytes = storedBytes(store, file, over)
  const thread = new Worker(new URL('./film-facts-thread.js', import.meta.url), {
    workerData: { size: file.bytes },
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  })
  let facts: FilmFacts | undefined
  let away: Error | undefined
  let answered = Promise.resolve()
  const answer = async (start: number, end: number): Promise<void> => {
    const read: Answered = await bytes.read(start, end).catch((error: unknown) => {
      away ??= error as Error
      return undefined
    })
    thread.postMessage(read)
  }
  thread.on('message', (asked: Asked) => {
    if ('facts' in asked) facts = asked.facts
    // In the order in which they were asked for.
    else answered = answered.then(() => answer(asked.start, asked.end))
  })
  thread.on('error', () => undefined) // no memory left: it is not read
  using _ending = addAbortListener(over, () => void thread.terminate())
  await once(thread, 'exit').catch(() => undefined)
  signal.throwIfAborted()
  if (away !== undefined && !over.aborted) throw away
  return facts
}
