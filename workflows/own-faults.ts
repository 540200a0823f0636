import { log } from '@temporalio/workflow'
import { failures } from './failures.js'
import { type ReadFailure, readFailure } from './read-failure.js'

/** How often a fault of ours may happen to one piece of work before the video fails. */
export const ownFaultLimit = 3

/**
 * Runs an activity, and runs it again after a fault of ours, until it has failed three times. The world's faults never
 * come here: the server tries again by the activity's retry policy. All others are thrown at once.
 */
export async function despiteOwnFaults<T>(run: () => Promise<T>): Promise<T> {
  for (let faults = 1; ; faults++) {
    try {
      return await run()
    } catch (error) {
      const failure = readFailure(error)
      // A fault of the world comes here only where the server was told not to try it again.
      if (failures[failure.word] !== 'service' || faults === ownFaultLimit) throw error
      logFault(failure, faults)
    }
  }
}

/** Every fault of ours is logged, whether or not a later try succeeds. */
export function logFault({ word, message }: ReadFailure, faults: number): void {
  log.error('a fault of ours', { word, message, faults })
}
