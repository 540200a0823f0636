import { z } from 'zod'
import {
  apiSettings,
  nodeSettings,
  readSettings,
  engineSettings,
  runnerSettings,
  s3Settings,
  stackSettings,
  temporalSettings,
} from '../settings.js'

const { API_HOST, API_PORT } = apiSettings
const { RUNNER_PORT, RANKS } = runnerSettings
const { ENGINE } = engineSettings
const { TEMPORAL_NAMESPACE } = temporalSettings
const { NODE_NAME } = nodeSettings
const { S3_BUCKET, S3_REGION } = s3Settings

const own = {
  ...stackSettings,
  ...{ API_HOST, API_PORT, RUNNER_PORT, RANKS, ENGINE },
  ...{ TEMPORAL_NAMESPACE, NODE_NAME, S3_BUCKET, S3_REGION },
}

/** A part is here, started by the stack, or elsewhere, where its variable points. */
export type StackSettings = z.infer<z.ZodObject<typeof own>> & {
  outside: {
    s3?: z.infer<z.ZodObject<typeof s3Settings>>
    temporalAddress?: string
    runnerAddress?: string
  }
}

/** Every port any free one: for tests and the demo, which run beside a stack that is up. */
export const freePorts = {
  API_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  S3_PORT: '0',
  S3_CONSOLE_PORT: '0',
  RUNNER_PORT: '0',
}

/** Reads what the stack itself must know; each program reads and checks its own settings. Throws `BadSettings`. */
export function readStackSettings(env: NodeJS.ProcessEnv): StackSettings {
  const settings = readSettings(env, own)
  const { S3_ENDPOINT, TEMPORAL_ADDRESS, RUNNER_ADDRESS } = env
  return {
    ...settings,
    outside: {
      ...(S3_ENDPOINT && { s3: readSettings(env, s3Settings) }),
      ...(TEMPORAL_ADDRESS && { temporalAddress: readSettings(env, temporalSettings).TEMPORAL_ADDRESS }),
      ...(RUNNER_ADDRESS && { runnerAddress: readSettings(env, nodeSettings).RUNNER_ADDRESS }),
    },
  }
}
