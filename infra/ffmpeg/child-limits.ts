import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** What the kernel lets a child process use. */
export type ChildLimits = {
  /** Address space, MiB. */
  memoryMiB: number
  /** CPU time over all threads, seconds. */
  cpuSeconds: number
  /** Largest file it writes, MiB. */
  fileMiB: number
}

/** The only environment a child gets. */
export function childEnv(): { PATH: string } {
  // eslint-disable-next-line no-restricted-properties -- where programs lie is no setting of ours
  return { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin' }
}

/** The path of a program, looked up as a shell would; undefined when it is not there. */
export function findProgram(name: string): string | undefined {
  const candidates = isAbsolute(name)
    ? [name]
    : childEnv()
        .PATH.split(delimiter)
        .map((folder) => join(folder, name))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * The command line that runs `command` under `limits`, ended by the kernel when this process ends.
 * Both come from util-linux; where a system has neither (macOS) the command runs as it is.
 */
export function withinLimits(command: string[], { memoryMiB, cpuSeconds, fileMiB }: ChildLimits): string[] {
  const setpriv = findProgram('setpriv')
  const prlimit = findProgram('prlimit')
  return [
    ...(setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']),
    ...(prlimit === undefined
      ? []
      : [
          prlimit,
          `--as=${memoryMiB * 2 ** 20}`,
          `--cpu=${cpuSeconds}:${cpuSeconds + 5}`, // SIGXCPU first; SIGKILL would look like a kill from outside
          `--fsize=${fileMiB * 2 ** 20}`,
          '--core=0',
          '--',
        ]),
    ...command,
  ]
}
