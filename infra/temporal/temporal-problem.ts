import { connect } from 'node:net'
import { shown } from '../program/settings.js'
import { lineOf, StartProblem } from '../program/start-problem.js'

const lookMs = 1_000

/**
 * Why no connection to Temporal came about. Its client says only that the time is over, so whether anything listens is looked
 * at once more.
 */
export async function temporalAway(
  { TEMPORAL_ADDRESS }: { TEMPORAL_ADDRESS: string },
  cause: unknown,
): Promise<StartProblem> {
  const problem = await whyUnreachable(TEMPORAL_ADDRESS)
  const setting = `TEMPORAL_ADDRESS=${shown('TEMPORAL_ADDRESS', TEMPORAL_ADDRESS)}`
  return problem === undefined
    ? new StartProblem(`${setting}: what listens there does not answer as Temporal does (${lineOf(cause)})`)
    : new StartProblem(`${setting}: Temporal cannot be reached (${problem})`)
}

/** Undefined where something listens. */
function whyUnreachable(address: string): Promise<string | undefined> {
  const [host = '', port = ''] = address.split(':')
  return new Promise((resolve) => {
    if (Number(port) > 65_535) return resolve('there is no such port')
    const socket = connect({ host, port: Number(port), timeout: lookMs })
    const found = (problem?: string) => {
      socket.destroy()
      resolve(problem)
    }
    socket.once('connect', () => found())
    socket.once('timeout', () => found(`no connection within ${lookMs / 1000} s`))
    socket.once('error', (error) => found(lineOf(error)))
  })
}
