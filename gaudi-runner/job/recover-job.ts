import { createHash } from 'node:crypto'
import { createReadStream, type Dirent } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Logger } from 'pino'
import type { Generations } from './generations.js'
import { Job } from './job.js'
import { type JobRecord, readRecord } from './job-record.js'
import { failedAt, isEnough } from './failure-history.js'

/**
 * The job that an earlier runner held, taken over by this one; undefined if there is none. Whatever else lies in the folder is
 * removed: submissions that were still arriving, jobs that were being released or replaced, and what is torn or damaged.
 */
export async function recoverJob(jobs: string, generations: Generations, log: Logger): Promise<Job | undefined> {
  await mkdir(jobs, { recursive: true, mode: 0o700 })
  const found: Job[] = []
  for (const entry of await readdir(jobs, { withFileTypes: true })) {
    const job = await readJob(jobs, entry, log)
    if (job) found.push(job)
  }
  // There is more than one only if the older could not be removed when a newer was taken.
  const fenced = found.filter(({ name }) => name.generation >= generations.newest(name.jobId))
  const [newest, ...others] = fenced.sort((a, b) => b.name.generation - a.name.generation)
  for (const job of [...others, ...found.filter((each) => !fenced.includes(each))]) await remove(job.folder)
  return newest
}

async function readJob(jobs: string, entry: Dirent, log: Logger): Promise<Job | undefined> {
  const folder = join(jobs, entry.name)
  try {
    const job = new Job(takenOver(readRecord(folder)), folder, log)
    for (const { name, sha256 } of job.files) {
      if ((await digestOf(join(folder, name))) !== sha256) throw new Error(`${name} is damaged`)
    }
    if (job.state === 'RUNNING') takeUp(job)
    return job
  } catch (err) {
    log.info({ event: 'job-not-recovered', folder, err }, 'what an earlier runner left is removed')
    await remove(folder)
    return undefined
  }
}

/** As the job is when a new runner takes it up: it goes on at the first chunk that was not announced. */
function takenOver(record: JobRecord): JobRecord {
  const { restarts, suspended, failures, events } = record
  const next = { ...record, restarts: restarts + 1, suspended: false }
  const last = events.at(-1)
  if (last && !('chunk' in last || 'interrupted' in last)) return next
  return suspended ? next : { ...next, failures: failedAt(failures, undefined, 'node_failed') }
}

/** Tells whoever watches, under the first number after the restart. */
function takeUp(job: Job): void {
  const { failures, nextChunk } = job
  const failed = { code: 'node_failed', detail: 'the runner was started again', rank: -1 } as const
  if (isEnough(failures)) job.end({ failed: { ...failed, detail: `${failed.detail}, too often without getting on` } })
  else job.interrupted({ ...failed, ...(failures.furthest ?? { chunk: nextChunk, step: 0 }) })
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
