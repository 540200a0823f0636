import { Context } from '@temporalio/activity'

/** Heartbeats of the current activity on a timer, whatever it waits for; without them a cancellation is not heard of. */
export function startHeartbeats(everyMs: number, details?: () => unknown): Disposable {
  const context = Context.current()
  const beat = () => context.heartbeat(details?.())
  beat()
  const timer = setInterval(beat, everyMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
