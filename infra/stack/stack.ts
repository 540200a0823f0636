import { DataFolder } from './data-folder.js'
import { type StackPorts, takeStackPorts } from './stack-ports.js'
import { startParts } from './start-parts.js'
import { readStackSettings, type StackSettings } from './stack-settings.js'
import { Supervisor } from './supervisor.js'
import type { Show } from './terminal.js'

export type S3Address = {
  S3_ENDPOINT: string
  S3_BUCKET: string
  S3_REGION: string
  S3_ACCESS_KEY: string
  S3_SECRET_KEY: string
}

/** A running local stack. Disposing of it stops every part, in order. */
export type Stack = AsyncDisposable & {
  apiUrl: string
  temporalAddress: string
  /** Undefined where Temporal, or S3, is not ours. */
  temporalUiUrl: string | undefined
  s3ConsoleUrl: string | undefined
  namespace: string
  s3: S3Address
  runnerAddresses: string[]
  dataDir: string
  logDir: string
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

/** Gives the address at which `part` (by its name) finds a server that is at `address`: that itself, or of a proxy before it. */
export type Route = (part: string, server: 'temporal' | 's3' | 'runner', address: string) => string

const direct: Route = (_part, _server, address) => address

/**
 * Starts the local stack and resolves when every part is ready: stores and runners first and at once, then what needs them.
 *
 * Rejects with `BadSettings`, `PortsTaken` or `DataInUse` before anything is started, and with `PartFailed` when a part cannot
 * be brought up; then whatever was started has been stopped again.
 */
export async function startStack({ env, show, signal, route = direct }: StackOptions): Promise<Stack> {
  const settings = readStackSettings(env)
  const ports = await takeStackPorts(settings)
  const data = new DataFolder(settings.DATA_DIR)
  const supervisor = new Supervisor({ logDir: data.logDir, show })
  const stop = async () => {
    await supervisor[Symbol.asyncDispose]()
    data[Symbol.dispose]()
  }
  const stack = describeStack(settings, ports, data)
  try {
    signal.throwIfAborted()
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new StartAborted()), { once: true })
    })
    const started = startParts({ stack, settings, ports, supervisor, env, route })
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

/** Where everything is, known before it runs. */
export type Places = Omit<Stack, 'pids' | typeof Symbol.asyncDispose>

function describeStack(settings: StackSettings, ports: StackPorts, data: DataFolder): Places {
  const { outside, API_HOST } = settings
  const local = (port: number) => `127.0.0.1:${port}`
  const apiHost = API_HOST === '0.0.0.0' || API_HOST === '::' ? '127.0.0.1' : API_HOST
  return {
    apiUrl: `http://${apiHost}:${ports.api}`,
    temporalAddress: outside.temporalAddress ?? local(ports.temporal),
    temporalUiUrl: outside.temporalAddress === undefined ? `http://${local(ports.temporalUi)}` : undefined,
    s3ConsoleUrl: outside.s3 === undefined ? `http://${local(ports.s3Console)}` : undefined,
    namespace: settings.TEMPORAL_NAMESPACE,
    s3: outside.s3 ?? {
      S3_ENDPOINT: `http://${local(ports.s3)}`,
      S3_BUCKET: settings.S3_BUCKET,
      S3_REGION: settings.S3_REGION,
      ...data.secrets(),
    },
    runnerAddresses: outside.runnerAddress === undefined ? ports.runners.map(local) : [outside.runnerAddress],
    dataDir: data.path,
    logDir: data.logDir,
  }
}
