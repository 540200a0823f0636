import { addAbortListener, once } from 'node:events'

/** What the promise gives, or the signal's reason as soon as it is aborted: the promise then ends by itself, and nobody hears how. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const listener = addAbortListener(signal, () => reject(signal.reason as Error))
    void promise.then(resolve, reject).finally(() => listener[Symbol.dispose]())
  })
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}
