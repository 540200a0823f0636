import { log } from '@temporalio/workflow'
import { failures } from '../failures.js'
import { type ReadFailure, readFailure } from './read-failure.js'

/** How often a fault of ours may happen to one piece of work before the video fails. */
export const internalLimit = 3

/**
 * Runs an activity, and runs it again after a fault of ours, until it has failed three times. What is always
 * tried again never comes here: the server does that by the activity's retry policy. All others are thrown at once.
 */
export async function retryInternal<T>(run: () => Promise<T>): Promise<T> {
  for (let faults = 1; ; faults++) {
    try {
      return await run()
    } catch (error) {
      const failure = readFailure(error)
      // One of `always` comes here only where the server was told not to try it again.
      if (failures[failure.code].retry !== 'thrice' || faults === internalLimit) throw error
      logInternal(failure, faults)
    }
  }
}

/** Every fault of ours is logged, whether or not a later try succeeds. */
export function logInternal({ code, detail }: ReadFailure, faults: number): void {
  log.error('a fault of ours', { code, detail, faults })
}
