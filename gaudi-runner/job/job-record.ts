import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readStored } from '../../infra/files/stored-format.js'
import { replaceFile } from '../../infra/files/replace-file.js'
import { failureCode } from '../../workflows/failures.js'
import { jobOrder } from './check-order.js'
import type { FailureHistory } from './failure-history.js'

/**
 * What outlives the runner of a job: `job.json` in the job's folder. A folder without one is a submission that was still
 * arriving. Everything else in the folder is named here, but for the ranks' own `steps.state`.
 */
export const recordName = 'job.json'

/** The number of this shape. */
export const recordFormat = 1

const count = z.int().nonnegative()

/** sha256 in hex. */
const keptFile = z.object({ name: z.string().min(1), bytes: count, sha256: z.string() })
const keptChunk = z.object({ index: count, frames: count, segment: keptFile, state: keptFile })
const failed = z.object({ code: z.string().transform(failureCode), detail: z.string(), rank: z.int() })
const finished = z.object({ chunks: count, frames: count, renderSeconds: z.number() })
const position = z.object({ chunk: count, step: count })

const sequence = z.object({ sequence: count })
const keptEvent = z.union([
  sequence.extend({ chunk: keptChunk }),
  sequence.extend({ interrupted: z.object({ ...failed.shape, ...position.shape }) }),
  sequence.extend({ finished }),
  sequence.extend({ failed }),
  sequence.extend({ aborted: z.object({}) }),
])

/** The names in the file; the runner's own are those of `JobRecord`. */
const storedRecord = z.object({
  format: z.literal(recordFormat),
  name: z.object({ jobId: z.string(), generation: z.int().positive() }),
  order: jobOrder,
  inputs: z.array(keptFile),
  /** All but progress, with the numbers under which they were told. */
  events: z.array(keptEvent),
  /** How often a runner has taken it up again. */
  lives: count,
  /** The runner was asked to stop, and left the job to the next one. */
  suspended: z.boolean(),
  /** An abort has been asked for, at once or after the running chunk. */
  leaving: z.boolean(),
  setbacks: z.object({
    furthest: position.nullable(),
    last: position.nullable(),
    alike: count,
    told: count,
    all: count,
  }),
})

type StoredRecord = z.infer<typeof storedRecord>

export type JobRecord = Omit<StoredRecord, 'lives' | 'setbacks'> & {
  /** How often a runner has taken it up again: `lives` in the file. */
  restarts: number
  /** `setbacks` in the file. */
  failures: FailureHistory
}
export type KeptEvent = z.infer<typeof keptEvent>
/** A file in the job's folder. */
export type KeptFile = z.infer<typeof keptFile>
export type KeptChunk = z.infer<typeof keptChunk>
export type KeptFailure = z.infer<typeof failed>
export type KeptFinish = z.infer<typeof finished>
export type KeptInterruption = KeptFailure & z.infer<typeof position>

/** Throws what the disk says. */
export function writeRecord(folder: string, record: JobRecord): void {
  replaceFile(join(folder, recordName), JSON.stringify(toStored(record)))
}

/** Throws if there is none, or if it is torn or a newer version's. */
export function readRecord(folder: string): JobRecord {
  return fromStored(storedRecord.parse(readStored(recordName, readFileSync(join(folder, recordName)), recordFormat)))
}

function toStored({ restarts, failures, ...same }: JobRecord): StoredRecord {
  const { furthest, last, sameInARow, reported, total } = failures
  return { ...same, lives: restarts, setbacks: { furthest, last, alike: sameInARow, told: reported, all: total } }
}

function fromStored({ lives, setbacks, ...same }: StoredRecord): JobRecord {
  const { furthest, last, alike, told, all } = setbacks
  return { ...same, restarts: lives, failures: { furthest, last, sameInARow: alike, reported: told, total: all } }
}
