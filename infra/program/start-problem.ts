/**
 * What keeps a program from starting now, told in one line that names the setting: a server that is away, a port that is taken.
 * Nothing needs to be changed for another try to succeed, so the exit code is 1; for what must be changed it is 2 (`BadSettings`).
 */
export class StartProblem extends Error {}

/** What the system or a library said, in one line. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return (text.trim().split('\n')[0] ?? '').slice(0, 200)
}
