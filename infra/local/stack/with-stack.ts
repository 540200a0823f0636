import { BadSettings } from '../../program/settings.js'
import { StartProblem } from '../../program/start-problem.js'
import { DataInUse } from '../data/data-folder.js'
import { PortsTaken } from './ports.js'
import { type Stack, type StackOptions, StartAborted, startStack } from './stack.js'
import { stopSignals } from './stop-signals.js'
import { PartFailed, PartRefused } from '../supervisor/supervised-part.js'

/** Something that the person at the terminal should read, without a stack trace. */
export class UserError extends Error {}

/**
 * Runs `use` with a local stack and stops the stack afterwards, whatever happens; `signal` is aborted when somebody wants it to
 * end (`stopSignals`). Sets the exit code: 1 when something failed, 2 for wrong settings, by whoever found them wrong.
 */
export async function withStack(
  options: Omit<StackOptions, 'signal'>,
  use: (stack: Stack, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = stopSignals()
  try {
    await using stack = await startStack({ ...options, signal })
    await use(stack, signal)
  } catch (error) {
    if (signal.aborted && (error instanceof StartAborted || isAbort(error))) return
    const { code, printed } = ending(error)
    process.exitCode = code
    console.error(printed)
  }
}

/** What a failure ends the program with: its exit code, and what is printed. */
export function ending(error: unknown): { code: 1 | 2; printed: unknown } {
  const code = error instanceof BadSettings || error instanceof PartRefused ? 2 : 1
  return { code, printed: isForPeople(error) ? `\n${error.message}` : error }
}

function isForPeople(error: unknown): error is Error {
  return [BadSettings, StartProblem, DataInUse, PortsTaken, PartFailed, UserError].some((kind) => error instanceof kind)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
