import { join } from 'node:path'
import { connectObjectStore } from '../../s3/s3-object-store.js'
import { parts } from '../setup/parts.mjs'
import { connectTemporal, prepareNamespace } from '../../temporal/temporal.js'
import { partOfNode } from './metrics-ports.js'
import { prepareBucket } from '../data/prepare-bucket.js'
import type { Places, Route } from './places.js'
import { programPart } from './program-part.js'
import type { RootKeys } from '../data/secrets.js'
import { minioPart, temporalPart } from './server-parts.js'
import type { StackPorts } from './stack-ports.js'
import type { StackSettings } from './stack-settings.js'
import type { Supervisor } from '../supervisor/supervisor.js'

type Starting = {
  stack: Places
  settings: StackSettings
  ports: StackPorts
  /** Undefined where S3 is not ours. */
  root: RootKeys | undefined
  supervisor: Supervisor
  env: NodeJS.ProcessEnv
  route: Route
}

/**
 * Starts every part that is not elsewhere, each as soon as what it needs is ready: stores and runners need nothing, the
 * programs need the stores, a node's worker its runner as well. Resolves when all are ready.
 */
export async function startParts(starting: Starting): Promise<void> {
  const { stack, ports, supervisor, env, route } = starting
  const envOf = (name: string) => ({
    ...env,
    ...stack.s3,
    S3_ENDPOINT: route(name, 's3', stack.s3.S3_ENDPOINT),
    TEMPORAL_ADDRESS: route(name, 'temporal', stack.temporalAddress),
    TEMPORAL_NAMESPACE: stack.namespace,
    FFMPEG_PATH: parts(env).ffmpeg,
  })
  await reachOutside(starting)
  const stores = startStores(starting)
  const worker = async (name: string, program: string, own: NodeJS.ProcessEnv = {}) => {
    await stores
    const env = { ...envOf(name), ...own }
    await supervisor.start(programPart({ name, stage: 'workers', program, env, metricsPort: ports.metrics[name] }))
  }
  await Promise.all([
    stores,
    worker('videos', 'activities/videos-worker.js'),
    worker('media', 'activities/media-worker.js'),
    ...stack.runnerAddresses.map(async (address, index) => {
      const name = partOfNode('node', index, stack.runnerAddresses.length)
      await Promise.all([stores, startRunner(index, starting)])
      await worker(name, 'activities/node-worker.js', {
        RUNNER_ADDRESS: route(name, 'runner', address),
        NODE_NAME: nodeName(index, starting),
      })
    }),
    stores.then(() =>
      supervisor.start(
        programPart({
          name: 'api',
          stage: 'api',
          program: 'api/main.js',
          env: { ...envOf('api'), API_PORT: String(ports.api) },
          metricsPort: ports.metrics['api'],
        }),
      ),
    ),
  ])
}

/** What is elsewhere is tried before anything is started: a wrong address or key ends the start at once. */
async function reachOutside({ stack, settings }: Starting): Promise<void> {
  const { s3, temporalAddress } = settings.outside
  const { TEMPORAL_CREATE_NAMESPACE } = settings
  await Promise.all([s3 && makeBucket(stack), temporalAddress && makeNamespace(stack, TEMPORAL_CREATE_NAMESPACE)])
}

/** MinIO with its bucket and the bucket's user, and Temporal with its namespace: what all programs but the runner stand on. */
async function startStores({ stack, settings, ports, root, supervisor, env }: Starting): Promise<void> {
  const { minio, temporal } = parts(env)
  const { outside } = settings
  const bucket = async (keys: RootKeys) => {
    const { s3: port, s3Console: consolePort } = ports
    await supervisor.start(minioPart({ program: minio, dataDir: stack.dataDir, port, consolePort, root: keys, env }))
    await prepareBucket(stack.s3, keys)
    await makeBucket(stack)
  }
  const namespace = async () => {
    const { temporal: port, temporalUi: uiPort } = ports
    await supervisor.start(temporalPart({ program: temporal, dataDir: stack.dataDir, port, uiPort, env }))
    await makeNamespace(stack, true)
  }
  await Promise.all([root && bucket(root), outside.temporalAddress === undefined && namespace()])
}

async function makeBucket({ s3 }: Places): Promise<void> {
  await using _made = await connectObjectStore(s3)
}

/** Only where it may be created: a misspelt name would be a second, empty service. */
async function makeNamespace(stack: Places, TEMPORAL_CREATE_NAMESPACE: boolean): Promise<void> {
  const at = { TEMPORAL_ADDRESS: stack.temporalAddress, TEMPORAL_NAMESPACE: stack.namespace }
  await using temporal = await connectTemporal(at)
  await prepareNamespace(temporal.connection, { ...at, TEMPORAL_CREATE_NAMESPACE })
}

async function startRunner(index: number, { stack, settings, ports, supervisor, env }: Starting): Promise<void> {
  const port = ports.runners[index]
  if (port === undefined) return // it is elsewhere
  const name = partOfNode('runner', index, stack.runnerAddresses.length)
  const { python, ffmpeg } = parts(env)
  const own = {
    RUNNER_HOST: '127.0.0.1',
    RUNNER_PORT: String(port),
    RUNNER_DIR: join(stack.dataDir, name),
    RANKS: String(settings.RANKS),
    ENGINE: settings.ENGINE,
    PYTHON_PATH: python,
    FFMPEG_PATH: ffmpeg,
  }
  // Ranks on a busy laptop: 3 s of CPU each to import torch. The model's weights may come from a slow disk, 38 GB a rank.
  const readyMs = settings.ENGINE === 'demo' ? 120_000 + settings.RANKS * 20_000 : 30 * 60_000
  const program = 'gaudi-runner/main.js'
  const metricsPort = ports.metrics[name]
  await supervisor.start(
    programPart({ name, stage: 'runners', program, env: { ...env, ...own }, metricsPort, readyMs }),
  )
}

function nodeName(index: number, { stack, settings }: Starting): string {
  return stack.runnerAddresses.length === 1 ? settings.NODE_NAME : `${settings.NODE_NAME.slice(0, 37)}-${index + 1}`
}
