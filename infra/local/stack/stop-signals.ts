import { isUnderNohup } from '../setup/parent.mjs'

/** Signals of this time are one: Ctrl-C reaches everybody in the terminal, npm too, which passes it on to us. */
const oneAskMs = 1_000

/**
 * The signal is aborted by SIGINT, SIGTERM or SIGHUP, for an end in order; asked once more, the process ends at once (and the kernel
 * ends the parts with it). Under nohup SIGHUP is ignored.
 */
export function stopSignals(): AbortSignal {
  const stopping = new AbortController()
  let askedAt = 0
  const stop = () => {
    if (stopping.signal.aborted && performance.now() - askedAt > oneAskMs) process.exit(130)
    if (stopping.signal.aborted) return
    askedAt = performance.now()
    console.log('stopping; once more to stop at once')
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('SIGHUP', isUnderNohup() ? () => undefined : stop)
  return stopping.signal
}
