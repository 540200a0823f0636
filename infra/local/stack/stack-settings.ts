import type { z } from 'zod'
import { requireModelDir } from '../../program/model-dir.js'
import type { S3Address } from '../../s3/s3-client.js'
import { publicEndpoint } from '../../s3/public-endpoint.js'
import { BadSettings, everySetting, readSettings } from '../../program/settings.js'
import { metricsParts } from './metrics-ports.js'

const { S3_ACCESS_KEY, S3_SECRET_KEY } = everySetting

/** Those of the local MinIO are made where they are not given. */
const local = {
  ...everySetting,
  ...{ S3_ACCESS_KEY: S3_ACCESS_KEY.optional(), S3_SECRET_KEY: S3_SECRET_KEY.optional() },
}

/** A part is here, started by the stack, or elsewhere, where its variable points. */
export type StackSettings = z.infer<z.ZodObject<typeof local>> & {
  outside: { s3?: S3Address; temporalAddress?: string; runnerAddress?: string }
}

/** Every port any free one: for tests and the demo, which run beside a stack that is up. */
export const freePorts = {
  API_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  S3_PORT: '0',
  S3_CONSOLE_PORT: '0',
  RUNNER_PORT: '0',
  METRICS_PORT: '0',
}

/**
 * Reads every setting of every program, so that all mistakes are known before anything is started. Throws `BadSettings`.
 * `S3_ENDPOINT`, `TEMPORAL_ADDRESS` and `RUNNER_ADDRESS` point at servers elsewhere when they are set, whatever they say.
 */
export function readStackSettings(env: NodeJS.ProcessEnv): StackSettings {
  const settings: z.infer<z.ZodObject<typeof local>> = readSettings(env, env['S3_ENDPOINT'] ? everySetting : local)
  const { S3_ENDPOINT, S3_BUCKET, S3_REGION, S3_ACCESS_KEY = '', S3_SECRET_KEY = '' } = settings
  const s3 = { S3_ENDPOINT, S3_BUCKET, S3_REGION, S3_ACCESS_KEY, S3_SECRET_KEY }
  if (!env['RUNNER_ADDRESS']) requireModelDir(settings)
  publicEndpoint(settings) // throws
  const lastPort = settings.METRICS_PORT + metricsParts(settings.NODES).length - 1
  if (settings.METRICS_PORT > 0 && lastPort > 65_535) {
    throw new BadSettings(`METRICS_PORT=${settings.METRICS_PORT}: the programs take the ports up to ${lastPort}`)
  }
  return {
    ...settings,
    outside: {
      ...(env['S3_ENDPOINT'] && { s3 }),
      ...(env['TEMPORAL_ADDRESS'] && { temporalAddress: settings.TEMPORAL_ADDRESS }),
      ...(env['RUNNER_ADDRESS'] && { runnerAddress: settings.RUNNER_ADDRESS }),
    },
  }
}
