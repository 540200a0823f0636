import { hostname } from 'node:os'
import { z } from 'zod'

/**
 * Every setting of every program, read once. A program names the groups that it needs:
 * `readSettings(process.env, { ...s3Settings, ...apiSettings })`. The README's table lists exactly these variables (tested).
 */

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback)
const count = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback)
const address = (fallback: string) =>
  z
    .string()
    .regex(/^[\w.-]+:\d{1,5}$/, 'must be host:port')
    .default(fallback)

export const s3Settings = {
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .default('http://127.0.0.1:9000')
    .describe('S3-compatible server'),
  S3_BUCKET: z.string().min(3).default('text2video').describe('one bucket for everything'),
  S3_REGION: z.string().default('us-east-1').describe('region that signatures name'),
  S3_ACCESS_KEY: z.string().min(1).describe('access key; the local stack makes one'),
  S3_SECRET_KEY: z.string().min(1).describe('secret key; the local stack makes one'),
}

export const temporalSettings = {
  TEMPORAL_ADDRESS: address('127.0.0.1:7233').describe('Temporal frontend'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default').describe('Temporal namespace'),
}

export const telemetrySettings = {
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('least level logged'),
  METRICS_PORT: port(0).describe('health and metrics of this program, on loopback; 0: any free port'),
}

export const mediaSettings = {
  FFMPEG_PATH: z.string().default('ffmpeg').describe('the ffmpeg to run; set-up brings one'),
  LOGO_VIDEO_PATH: z.string().optional().describe('closing clip instead of the built-in one'),
  MEDIA_SLOTS: count(2, 1, 64).describe('media activities at once on one media worker'),
}

export const apiSettings = {
  API_HOST: z.string().default('127.0.0.1').describe('address that the API listens on'),
  API_PORT: port(9389).describe('REST API'),
  VIDEO_MAX_SECONDS: count(600, 1, 86_400).describe('longest voice, seconds'),
  VIDEO_RETENTION_DAYS: z.coerce
    .number()
    .positive()
    .max(3650)
    .default(30)
    .describe('how long a finished video is kept'),
  MAX_UPLOADS: count(16, 1, 1000).describe('uploads at once; more get a 503'),
  UPLOAD_BUFFER_MIB: count(256, 32, 16_384).describe('memory for all uploads together, MiB'),
}

export const nodeSettings = {
  RUNNER_ADDRESS: address('127.0.0.1:50051').describe('gRPC runner of this node'),
  NODE_NAME: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'must be 1–40 of a-z, 0-9, -')
    .default(
      hostname()
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-')
        .slice(0, 40),
    )
    .describe('name of this node, unique in the fleet'),
}

/** Of the runner, and of the API, which names the model of a video that no node has taken yet. */
export const engineSettings = {
  ENGINE: z
    .enum(['demo', 'infinitetalk'])
    .default('demo')
    .describe('what renders: `demo` without weights, `infinitetalk` from MODEL_DIR'),
}

export const runnerSettings = {
  RUNNER_HOST: z.string().default('127.0.0.1').describe('address that the runner listens on'),
  RUNNER_PORT: port(50051).describe('gRPC runner'),
  RUNNER_DIR: z.string().default('.data/runner').describe("the runner's job and its fence; kept over restarts"),
  RANKS: count(2, 1, 64).describe('processes that hold the model; 8 on a Gaudi node'),
  MODEL_DIR: z.string().default('/hf').describe("InfiniteTalk's weights, in the original's folders"),
  DEVICE: z
    .enum(['auto', 'hpu', 'cuda', 'cpu'])
    .default('auto')
    .describe('what InfiniteTalk computes on; auto: the first that is there'),
  PYTHON_PATH: z.string().default('python3').describe('Python with torch; set-up brings one'),
  PT_HPU_LAZY_MODE: z.enum(['0', '1']).default('1').describe("Gaudi's lazy mode, which the ranks are written for"),
  PT_HPU_SYNC_LAUNCH: z.enum(['0', '1']).default('1').describe('Gaudi: wait for each graph; takes less memory'),
  PT_HPU_RECIPE_CACHE_CONFIG: z
    .string()
    .default('.data/gaudi-recipes,false,40960')
    .describe('Gaudi: where compiled graphs are kept, whether they are removed at start, MB at most'),
  RANK_STALL_SECONDS: count(120, 1, 7200).describe('a rank silent for longer is taken for stalled'),
  RUNNER_ORPHAN_MINUTES: z.coerce
    .number()
    .positive()
    .max(10_000)
    .default(10)
    .describe('a job that nobody watches for longer is given up'),
}

export const stackSettings = {
  DATA_DIR: z.string().default('.data').describe('data of the local stack'),
  TEMPORAL_PORT: port(7233).describe('local Temporal server'),
  TEMPORAL_UI_PORT: port(8233).describe('Temporal web UI'),
  S3_PORT: port(9000).describe('local MinIO'),
  S3_CONSOLE_PORT: port(9001).describe('MinIO console'),
  NODES: count(1, 1, 16).describe('local nodes; further ones take the next ports'),
}

export class BadSettings extends Error {}

/** Reads and checks the variables of `shape`; all mistakes at once, each with name, problem and an example. */
export function readSettings<S extends Record<string, z.ZodType>>(
  env: NodeJS.ProcessEnv,
  shape: S,
): z.infer<z.ZodObject<S>> {
  // An empty variable is one that is not set: compose files and shells cannot leave one out.
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = z.object(shape).safeParse(present)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0])
    const field: z.ZodType | undefined = shape[name]
    return `${name}=${present[name] ?? '(not set)'}: ${issue.message} (${field?.description ?? ''}; e.g. ${example(field)})`
  })
  throw new BadSettings(`settings are wrong:\n  ${lines.join('\n  ')}`)
}

function example(field: z.ZodType | undefined): string {
  const fallback = field?.safeParse(undefined)
  return fallback?.success && fallback.data !== undefined ? String(fallback.data) : 'a value of your own'
}
