import { accessSync, constants } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { z } from 'zod'

/**
 * Every setting of every program, read once. A program names the groups that it needs:
 * `readSettings(process.env, { ...s3Settings, ...apiSettings })`. The README's table lists exactly these variables (tested).
 */

const count = (fallback: number, min: number, max: number) => {
  const must = `must be a whole number from ${min} to ${max}`
  return z.coerce.number(must).int(must).min(min, must).max(max, must).default(fallback)
}
const port = (fallback: number) => count(fallback, 0, 65_535)
const amount = (fallback: number, max: number, min = 0) => {
  const must = min === 0 ? `must be a number above 0, at most ${max}` : `must be a number from ${min} to ${max}`
  return z.coerce.number(must).positive(must).min(min, must).max(max, must).default(fallback)
}
const oneOf = <const W extends [string, ...string[]]>(words: W) => z.enum(words, `must be one of ${words.join(', ')}`)
const address = (fallback: string) =>
  z
    .string()
    .regex(/^[\w.-]+:\d{1,5}$/, 'must be host:port')
    .default(fallback)
/** A name without a slash is looked for on the PATH when it is run. */
const program = (fallback: string) =>
  z
    .string()
    .refine((path) => !path.includes('/') || isAllowed(path, constants.X_OK), 'there is no such program')
    .default(fallback)
/** Several values, separated by commas; each is checked. */
const list = (isGood: (item: string) => boolean, problem: string) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .refine((items) => items.every(isGood), problem)
    .optional()

/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. */
function isAddressOrRange(text: string): boolean {
  const [address = '', bits = '0', ...more] = text.split('/')
  const family = isIP(address)
  return family !== 0 && more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32)
}

/** Nothing but scheme, host and port: signatures cover the path, and a name and password would reach every client. */
function isOrigin({ pathname, search, hash, username, password }: URL): boolean {
  return pathname === '/' && [search, hash, username, password].every((part) => part === '')
}

export const s3Settings = {
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .default('http://127.0.0.1:9000')
    .describe('S3-compatible server'),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be 3–63 of a-z, 0-9, dots and hyphens')
    .default('text2video')
    .describe('one bucket for everything'),
  S3_REGION: z.string().default('us-east-1').describe('region that signatures name'),
  S3_ACCESS_KEY: z.string('is needed').min(1).describe('access key; the local stack makes one'),
  S3_SECRET_KEY: z.string('is needed').min(1).describe('secret key; the local stack makes one'),
}

export const temporalSettings = {
  TEMPORAL_ADDRESS: address('127.0.0.1:7233').describe('Temporal frontend'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default').describe('Temporal namespace'),
  TEMPORAL_CREATE_NAMESPACE: z
    .stringbool({ error: 'must be true or false' })
    .default(false)
    .describe('make the namespace where there is none; on the local server it always is'),
}

export const telemetrySettings = {
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info').describe('least level logged'),
  METRICS_PORT: port(9464).describe(
    "health and metrics, on loopback; `npm start`: the API's, others take the next ports; 0: any free port",
  ),
}

export const mediaSettings = {
  FFMPEG_PATH: program('ffmpeg').describe('the ffmpeg to run; set-up brings one'),
  LOGO_VIDEO_PATH: z
    .string()
    .refine((path) => isAllowed(path, constants.R_OK), 'there is no such file')
    .optional()
    .describe('closing clip instead of the built-in one'),
  MEDIA_SLOTS: count(2, 1, 64).describe('media activities at once on one media worker'),
}

export const apiSettings = {
  API_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('address that the API listens on; there is no authentication yet: whoever reaches it may do everything'),
  API_PORT: port(9389).describe('REST API'),
  VIDEO_MAX_SECONDS: count(600, 1, 86_400).describe('longest voice, seconds'),
  VIDEO_RETENTION_DAYS: amount(30, 3650).describe('how long a finished video is kept'),
  ALLOWED_HOSTS: list(
    (item) => /^(\*|\.?[\w-]+(\.[\w-]+)*\.?(:\d{1,5})?)$/.test(item),
    'must be names, such as video.example.com, .example.com or *, separated by commas',
  ).describe('names under which browsers may reach the API, beside `localhost` and IP addresses'),
  TRUSTED_PROXIES: list(
    isAddressOrRange,
    'must be IP addresses or ranges, such as 10.0.0.0/8, separated by commas',
  ).describe('proxies whose `X-Forwarded-For` and `X-Forwarded-Host` count'),
  MAX_UPLOADS: count(16, 1, 1000).describe('uploads at once; more get a 503'),
  UPLOADS_PER_ADDRESS: count(4, 1, 1000).describe('of these, what one client address keeps while others want in'),
  CONTENT_REDIRECT: z
    .stringbool({ error: 'must be true or false' })
    .default(false)
    .describe('send clients to S3 for the file (302) instead of handing it out; needs S3_PUBLIC_ENDPOINT'),
  S3_PUBLIC_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .refine(
      (address) => !URL.canParse(address) || isOrigin(new URL(address)),
      'must be a host, and a port where it has one',
    )
    .optional()
    .describe('S3_ENDPOINT as clients reach it, such as https://s3.example.com; for CONTENT_REDIRECT alone'),
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
  ENGINE: oneOf(['demo', 'infinitetalk'])
    .default('demo')
    .describe('what renders: `demo` without weights, `infinitetalk` from MODEL_DIR'),
}

export const runnerSettings = {
  RUNNER_HOST: z.string().default('127.0.0.1').describe('address that the runner listens on'),
  RUNNER_PORT: port(50051).describe('gRPC runner'),
  RUNNER_DIR: z.string().default('.data/runner').describe("the runner's job and its fence; kept over restarts"),
  RANKS: count(2, 1, 64).describe('processes that hold the model; 8 on a Gaudi node'),
  MODEL_DIR: z.string().default('/hf').describe("InfiniteTalk's weights, in the original's folders"),
  DEVICE: oneOf(['auto', 'hpu', 'cuda', 'cpu'])
    .default('auto')
    .describe('what InfiniteTalk computes on; auto: the first that is there'),
  PYTHON_PATH: program('python3').describe('Python with torch; set-up brings one'),
  PT_HPU_LAZY_MODE: oneOf(['0', '1']).default('1').describe("Gaudi's lazy mode, which the ranks are written for"),
  PT_HPU_SYNC_LAUNCH: oneOf(['0', '1']).default('1').describe('Gaudi: wait for each graph; takes less memory'),
  PT_HPU_RECIPE_CACHE_CONFIG: z
    .string()
    .default('.data/gaudi-recipes,false,40960')
    .describe('Gaudi: where compiled graphs are kept, whether they are removed at start, MB at most'),
  HCCL_SOCKET_IFNAME: z.string().default('lo').describe('Gaudi: network interface on which the ranks find each other'),
  NCCL_SOCKET_IFNAME: z.string().default('lo').describe('CUDA: the same'),
  RANK_STALL_SECONDS: count(120, 1, 7200).describe('a rank silent for longer is taken for stalled'),
  // At least 2: a job must outlive the 30 s of silence and the 40 s within which its worker may take it up again.
  RUNNER_ORPHAN_MINUTES: amount(10, 10_000, 2).describe('a job that nobody watches for longer is given up'),
}

export const stackSettings = {
  DATA_DIR: z.string().default('.data').describe('data of the local stack'),
  TEMPORAL_PORT: port(7233).describe('local Temporal server'),
  TEMPORAL_UI_PORT: port(8233).describe('Temporal web UI'),
  S3_PORT: port(9000).describe('local MinIO'),
  S3_CONSOLE_PORT: port(9001).describe('MinIO console'),
  TORCH_INDEX_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .optional()
    .describe(
      "Python index that set-up takes PyTorch from, such as a mirror of its CPU builds (200 MB; PyPI's are 6.6 GB)",
    ),
  NODES: count(1, 1, 16).describe('local nodes; further ones take the next ports'),
}

/** Every setting there is, as `npm start` checks them before it starts anything. */
export const everySetting = {
  ...apiSettings,
  ...engineSettings,
  ...mediaSettings,
  ...nodeSettings,
  ...runnerSettings,
  ...s3Settings,
  ...temporalSettings,
  ...telemetrySettings,
  ...stackSettings,
}

/** Their values are never shown. */
export const secretNames: readonly string[] = ['S3_ACCESS_KEY', 'S3_SECRET_KEY']

/** Something that is set must be changed before the program can start: exit code 2. The message is for people. */
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
    return `${name}=${shown(name, present[name])}: ${issue.message} (${field?.description ?? ''}; e.g. ${example(field)})`
  })
  throw new BadSettings(`settings are wrong:\n  ${[...new Set(lines)].join('\n  ')}`)
}

/** A value as a message may repeat it: short, in one line, without what only its owner may know. */
export function shown(name: string, value: string | undefined): string {
  if (value === undefined) return '(not set)'
  if (secretNames.includes(name)) return '(set, not shown)'
  const withoutPassword = value.replace(/\/\/[^/@]*@/, '//…@')
  const inOneLine = withoutPassword.replace(/\p{Cc}/gu, ' ')
  return inOneLine.length > 100 ? `${inOneLine.slice(0, 100)}…` : inOneLine
}

function example(field: z.ZodType | undefined): string {
  const fallback = field?.safeParse(undefined)
  return fallback?.success && fallback.data !== undefined ? String(fallback.data) : 'a value of your own'
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
