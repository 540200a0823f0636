import { settingWarnings } from '../../program/setting-warnings.js'
import { DataFolder } from '../data/data-folder.js'
import { movedMetrics } from './metrics-ports.js'
import { type Places, placesOf, type Route } from './places.js'
import { takeStackPorts } from './stack-ports.js'
import { readStackSettings } from './stack-settings.js'
import { startParts } from './start-parts.js'
import { Supervisor } from '../supervisor/supervisor.js'
import type { Show } from '../supervisor/terminal.js'

/** A running local stack. Disposing of it stops every part, in order. */
export type Stack = AsyncDisposable &
  Places & {
    /** Processes that run now, by part. */
    pids(): Record<string, number>
  }

export type StackOptions = {
  /** Settings as the README's table has them, and what else children shall inherit. */
  env: NodeJS.ProcessEnv
  show: Show
  /** Aborting it while the stack starts ends the start and what has been started. */
  signal: AbortSignal
  /** Where a program finds a server; without it, where the server is. */
  route?: Route
}

const direct: Route = (_part, _server, address) => address

/**
 * Starts the local stack and resolves when every part is ready: stores and runners first and at once, then what needs them.
 *
 * Rejects with `BadSettings`, `PortsTaken` or `DataInUse` before anything is started, or `StartProblem` where a server elsewhere is
 * away; and with `PartFailed` when a part cannot be brought up: then whatever was started has been stopped again.
 */
export async function startStack({ env, show, signal, route = direct }: StackOptions): Promise<Stack> {
  const settings = readStackSettings(env)
  process.umask(0o077) // of us and of every part: what they write is this user's alone
  // Before the ports: who starts it a second time learns of the first, and not of its ports.
  const data = new DataFolder(settings.DATA_DIR)
  if (data.mended) show('stack', data.mended)
  const supervisor = new Supervisor({ logDir: data.logDir, show })
  const stop = async () => {
    await supervisor[Symbol.asyncDispose]()
    data[Symbol.dispose]()
  }
  let stack: Places
  try {
    const ports = await takeStackPorts(settings)
    for (const line of [...settingWarnings(env), ...movedMetrics(settings, ports)]) show('stack', `warn: ${line}`)
    stack = placesOf(settings, ports, data)
    const root = settings.outside.s3 === undefined ? data.secrets().root : undefined
    signal.throwIfAborted()
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new StartAborted()), { once: true })
    })
    const started = startParts({ stack, settings, ports, root, supervisor, env, route })
    started.catch(() => undefined) // an abort may win the race
    await Promise.race([started, aborted])
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...stack,
    pids: () => supervisor.pids,
    [Symbol.asyncDispose]: stop,
  }
}

/** The start was called off. */
export class StartAborted extends Error {}
