import { orAborted } from './or-aborted.js'

/**
 * The chunks of a body until `signal` is aborted, which throws its reason even while the body stands still.
 * A stream that was not read to its end is destroyed.
 */
export async function* untilAborted<T>(body: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = body[Symbol.asyncIterator]()
  let atEnd = false
  try {
    for (;;) {
      signal.throwIfAborted()
      // No `Promise.race` with one long promise: it would hold every chunk in memory until the end.
      const next = await orAborted(iterator.next(), signal)
      if (next.done) {
        atEnd = true
        return
      }
      yield next.value
    }
  } finally {
    if (!atEnd) leave(body, iterator)
  }
}

/** Not awaited: an iterator that waits for its next chunk would hold up its own end. */
function leave<T>(body: AsyncIterable<T>, iterator: AsyncIterator<T>): void {
  if ('destroy' in body && typeof body.destroy === 'function') body.destroy()
  else void iterator.return?.().catch(() => {})
}
