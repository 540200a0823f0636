import { join } from 'node:path'
import { connectObjectStore } from '../s3-object-store.js'
import { parts } from '../setup/parts.mjs'
import { connectTemporal, prepareNamespace } from '../temporal.js'
import { prepareBucket } from './prepare-bucket.js'
import type { Places, Route } from './places.js'
import { programPart } from './program-part.js'
import type { RootKeys } from './secrets.js'
import { minioPart, temporalPart } from './server-parts.js'
import type { StackPorts } from './stack-ports.js'
import type { StackSettings } from './stack-settings.js'
import type { Supervisor } from './supervisor.js'

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
  const stores = startStores(starting)
  const worker = async (name: string, program: string, own: NodeJS.ProcessEnv = {}) => {
    await stores
    await supervisor.start(programPart({ name, stage: 'workers', program, env: { ...envOf(name), ...own } }))
  }
  await Promise.all([
    stores,
    worker('videos', 'activities/videos-worker.js'),
    worker('media', 'activities/media-worker.js'),
    ...stack.runnerAddresses.map(async (address, index) => {
      const name = nameOf('node', index, stack)
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
        }),
      ),
    ),
  ])
}

/** MinIO with its bucket and the bucket's user, and Temporal with its namespace: what all programs but the runner stand on. */
async function startStores({ stack, settings, ports, root, supervisor, env }: Starting): Promise<void> {
  const { minio, temporal } = parts(env)
  const { outside } = settings
  const bucket = async () => {
    if (root) {
      const { s3: port, s3Console: consolePort } = ports
      await supervisor.start(minioPart({ program: minio, dataDir: stack.dataDir, port, consolePort, root, env }))
      await prepareBucket(stack.s3, root)
    }
    await using _there = await connectObjectStore(stack.s3)
  }
  const namespace = async () => {
    if (outside.temporalAddress === undefined) {
      const { temporal: port, temporalUi: uiPort } = ports
      await supervisor.start(temporalPart({ program: temporal, dataDir: stack.dataDir, port, uiPort, env }))
    }
    await using connected = await connectTemporal({
      TEMPORAL_ADDRESS: stack.temporalAddress,
      TEMPORAL_NAMESPACE: stack.namespace,
    })
    await prepareNamespace(connected.connection, stack.namespace)
  }
  await Promise.all([bucket(), namespace()])
}

async function startRunner(index: number, { stack, settings, ports, supervisor, env }: Starting): Promise<void> {
  const port = ports.runners[index]
  if (port === undefined) return // it is elsewhere
  const name = nameOf('runner', index, stack)
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
  await supervisor.start(programPart({ name, stage: 'runners', program, env: { ...env, ...own }, readyMs }))
}

/** `runner` where there is one node, `runner-2` and so on where there are more. */
function nameOf(part: string, index: number, { runnerAddresses }: Places): string {
  return runnerAddresses.length === 1 ? part : `${part}-${index + 1}`
}

function nodeName(index: number, { stack, settings }: Starting): string {
  return stack.runnerAddresses.length === 1 ? settings.NODE_NAME : `${settings.NODE_NAME.slice(0, 37)}-${index + 1}`
}
