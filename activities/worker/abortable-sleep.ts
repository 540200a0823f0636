import { setTimeout } from 'node:timers/promises'

/** Waits; rejects with the signal's own reason when that comes first (Node's timer would wrap it). */
export async function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}
