import { join } from 'node:path'
import type { StackPart } from '../supervisor/part.js'
import { connectTemporal } from '../../temporal/temporal.js'
import type { RootKeys } from '../data/secrets.js'

/** MinIO on loopback, with its root's keys passed by the environment (a command line is seen by everybody). */
export function minioPart(options: {
  program: string
  dataDir: string
  port: number
  consolePort: number
  root: RootKeys
  env: NodeJS.ProcessEnv
}): StackPart {
  const { program, dataDir, port, consolePort, root, env } = options
  const addresses = ['--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${consolePort}`]
  return {
    name: 'minio',
    stage: 'stores',
    command: program,
    args: ['server', join(dataDir, 'minio'), ...addresses],
    // It would ask its maker's server for updates.
    env: { ...env, ...root, MINIO_UPDATE: 'off' },
    readiness: { kind: 'probe', probe: (signal) => answers(`http://127.0.0.1:${port}/minio/health/live`, signal) },
    readyMs: 60_000,
    graceMs: 10_000,
  }
}

/** Temporal on loopback with its file database; each setting is explained in infra/README.md. */
export function temporalPart(options: {
  program: string
  dataDir: string
  port: number
  uiPort: number
  env: NodeJS.ProcessEnv
}): StackPart {
  const { program, dataDir, port, uiPort, env } = options
  const dynamic = [
    'matching.enableFairness=true',
    'matching.numTaskqueueReadPartitions=1',
    'matching.numTaskqueueWritePartitions=1',
    'frontend.enableCancelWorkerPollsOnShutdown=true',
  ]
  return {
    name: 'temporal',
    stage: 'stores',
    command: program,
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', join(dataDir, 'temporal.db'), '--sqlite-pragma', 'journal_mode=WAL'],
      '--ui-disable-news-fetch',
      ...dynamic.flatMap((value) => ['--dynamic-config-value', value]),
    ],
    env,
    readiness: { kind: 'probe', probe: () => temporalAnswers(`127.0.0.1:${port}`) },
    readyMs: 60_000,
    graceMs: 10_000,
  }
}

async function answers(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
}

async function temporalAnswers(address: string): Promise<void> {
  await using temporal = await connectTemporal({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default' })
  await temporal.ping()
}
