import { z } from 'zod'
import type { JsonObject } from '../contract/struct.js'
import type { FailureCode } from '../../workflows/failures.js'

/**
 * What the runner and its ranks say to each other.
 *
 * The runner listens on a Unix socket; every rank connects (`--control PATH`) and speaks one JSON object a line, UTF-8,
 * `hello` first. Only rank 0 is spoken to. A closed socket means: leave. The Python side is `pipeline/rank/control.py`.
 */

/** A file in the job's folder, complete and renamed into place before it is named; sha256 in hex. */
const artifact = z.object({
  // It becomes a path: no separators, and none of the input files' names.
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

/**
 * What a rank can say of a failure, held equal to `pipeline/failures.py` by `test/fixtures/rank-failures.json`: `rejections` of an
 * order, found before the first collective and agreed by all ranks; `breaks` of a rank, which ends with it.
 */
export const rejections = [
  ...(['reference_unreadable', 'voice_unreadable', 'voice_silent', 'box_unusable', 'order_refused'] as const),
  ...(['not_a_number', 'preset_not_offered', 'checkpoint_refused'] as const),
] as const satisfies readonly FailureCode[]
export const breaks = [
  ...(['rank_failed', 'out_of_memory', 'not_a_number', 'disk_full', 'cannot_start'] as const),
] as const satisfies readonly FailureCode[]

const count = z.int().nonnegative()
const rank = z.int().nonnegative()
const seconds = z.number().nonnegative()

/** One line from a rank. */
export const rankMessage = z.discriminatedUnion('type', [
  /** First on every connection: who speaks. */
  z.object({ type: z.literal('hello'), rank, pid: z.int().positive() }),

  /** Rank 0, once: all ranks have their weights and one tiny forward is done. */
  z.object({
    type: z.literal('ready'),
    engine: z.string(),
    model: z.string(),
    device: z.string(),
    ranks: z.int().positive(),
    versions: z.record(z.string(), z.string()),
    /** That an order may name. */
    presets: z.array(z.string()),
    seconds_per_forward: seconds,
    tokens_per_forward: count,
  }),

  /** Every rank at each step and change of phase, at least every 2 s while idle, from the thread that does the work. */
  z.object({ type: z.literal('beat'), rank }),

  /** Rank 0: finished chunks, and finished steps of the running one; seconds_left null until steps were measured. */
  z.object({
    type: z.literal('progress'),
    job: z.string(),
    chunk: count,
    chunks: count,
    step: count,
    steps: count,
    seconds_left: z.number().nullable(),
  }),

  /** Rank 0: a chunk's video and the state that the next chunk needs are there. */
  z.object({
    type: z.literal('chunk'),
    job: z.string(),
    index: count,
    frames: count,
    segment: artifact,
    state: artifact,
  }),

  /** Rank 0: the newest measurement. */
  z.object({ type: z.literal('speed'), seconds_per_forward: seconds, tokens_per_forward: count }),

  /** Rank 0, exactly one of these three ends a job and leaves the ranks free. */
  z.object({ type: z.literal('finished'), job: z.string(), chunks: count, frames: count, render_seconds: seconds }),
  z.object({ type: z.literal('aborted'), job: z.string() }),
  /** `detail`: for operators. */
  z.object({ type: z.literal('rejected'), job: z.string(), code: z.enum(rejections), detail: z.string() }),

  /** Any rank, as its last message: it exits non-zero now, and the whole group ends with it. */
  z.object({
    type: z.literal('failed'),
    rank,
    job: z.string().nullable(),
    /** `cannot_start`: before `ready`, from what the ranks were started with; the same again would end the same. */
    code: z.enum(breaks),
    /** For operators: the error's own words. */
    detail: z.string(),
  }),
])

export type RankMessage = z.infer<typeof rankMessage>
export type Ready = Extract<RankMessage, { type: 'ready' }>

/** Messages about the job that is rendered. */
export type JobMessage = Extract<
  RankMessage,
  { job: string; type: 'progress' | 'chunk' | 'finished' | 'aborted' | 'rejected' }
>

/** What a job is rendered with, by the ranks' own names: `pipeline/order.py` reads and checks it. Its files lie in `RenderCommand.directory`. */
export type RankOrder = JsonObject & { preset: string; first_chunk: number }

/** `directory`: absolute; holds `reference`, `voice-1.wav`, perhaps `voice-2.wav` and `checkpoint`, and takes the artifacts. */
export type RenderCommand = { type: 'render'; job: string; generation: number; directory: string; order: RankOrder }

/** `after_chunk`: the running chunk is finished and handed over before `aborted` is said. */
export type AbortCommand = { type: 'abort'; job: string; after_chunk?: true }

/** One line to rank 0. */
export type RunnerCommand = RenderCommand | AbortCommand
