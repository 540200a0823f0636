import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for something by asking again and again; throws, with what it was, once the deadline has passed. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { deadlineMs = 60_000, everyMs = 50 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline) throw new Error(`after ${deadlineMs / 1000} s still not: ${what}`)
    await sleep(everyMs)
  }
}
