import { addAbortListener, once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Reading, type StoredBytes, storedBytes } from '../stored-container.js'
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
  longestMs = threadMs,
): Promise<FilmFacts | undefined> {
  const late = new AbortController()
  const clock = setTimeout(() => late.abort(), longestMs)
  const bytes = storedBytes(store, file, AbortSignal.any([signal, late.signal]))
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
  const end = (): void => void thread.terminate()
  using _left = addAbortListener(signal, end)
  using _late = addAbortListener(late.signal, end)
  await once(thread, 'exit').catch(() => undefined)
  clearTimeout(clock)
  signal.throwIfAborted()
  if (away !== undefined && !late.signal.aborted) throw away
  return facts
}
