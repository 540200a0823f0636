import { status } from '@grpc/grpc-js'
import { addAbortListener } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { orAborted } from '../../infra/program/or-aborted.js'
import { checkOrder } from '../job/check-order.js'
import type { SubmitPart__Output as SubmitPart } from '../generated/text2video/runner/v1/SubmitPart.js'
import { Job } from '../job/job.js'
import { recordFormat } from '../job/job-record.js'
import type { JobSlot } from '../job/job-slot.js'
import { noFailures } from '../job/failure-history.js'
import { receiveFiles } from './receive-files.js'
import { invalid, RpcError } from '../contract/rpc-error.js'

export type SubmitDependencies = {
  slot: JobSlot
  /** Takes a folder for each job. */
  jobs: string
  /** That the ranks have the weights for; none while they are not ready. */
  presets: () => readonly string[]
  /** A sender from which nothing comes for longer gives its place back. */
  idleMs: number
  log: Logger
}

/** Takes one submission. Whatever ends it early, its sender's leaving included, nothing of it stays behind. */
export async function submit(
  parts: AsyncIterator<SubmitPart>,
  left: AbortSignal,
  { slot, jobs, presets, idleMs, log }: SubmitDependencies,
): Promise<Job> {
  const first = await nextPart(parts, left, idleMs)
  if (first?.part !== 'order' || !first.order) throw invalid('a submission starts with its order')
  const { name, order } = checkOrder(first.order)
  const arrival = slot.admit(name)
  if (arrival instanceof Job) return arrival

  const cancelled = AbortSignal.any([left, arrival.signal])
  try {
    checkOffered(order.preset, presets())
    await mkdir(jobs, { recursive: true, mode: 0o700 }) // somebody may have tidied up
    // A name of its own: a submission that was superseded may still be removing its folder.
    const folder = await mkdtemp(join(jobs, `${name.jobId}.${name.generation}.`))
    try {
      const inputs = await receiveFiles(() => nextPart(parts, cancelled, idleMs), folder, order.firstChunk)
      const fresh = { events: [], restarts: 0, suspended: false, leaving: false, failures: noFailures }
      return await slot.accept(arrival, new Job({ format: recordFormat, name, order, inputs, ...fresh }, folder, log))
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  } catch (error) {
    const problem = diskProblem(error)
    if (problem === undefined) throw error
    slot.pause()
    log.error({ event: 'disk-refuses', video: name.jobId, err: error }, 'the disk does not take the files of a job')
    throw new RpcError(
      status.RESOURCE_EXHAUSTED,
      `the disk of this node does not take the job: ${problem}`,
      'disk_full',
    )
  } finally {
    slot.depart(arrival)
  }
}

/** Another node may have the weights: nothing is wrong with the order. */
function checkOffered(preset: string, presets: readonly string[]): void {
  if (presets.length === 0 || presets.includes(preset)) return
  const message = `this node does not offer the preset ${preset}; it offers ${presets.join(', ')}`
  throw new RpcError(status.FAILED_PRECONDITION, message, 'preset_not_offered')
}

/** What the system said, if that is what failed: `ENOSPC: no space left on device, write`. */
function diskProblem(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error ? error.message : undefined
}

/** Undefined at the end of the stream. */
async function nextPart(
  parts: AsyncIterator<SubmitPart>,
  cancelled: AbortSignal,
  idleMs: number,
): Promise<SubmitPart | undefined> {
  cancelled.throwIfAborted()
  const over = new AbortController()
  using _cancel = addAbortListener(cancelled, () => over.abort(cancelled.reason))
  const timer = setTimeout(() => {
    over.abort(new RpcError(status.DEADLINE_EXCEEDED, `nothing came for ${idleMs / 1000} s`))
  }, idleMs)
  try {
    const part = await orAborted(parts.next(), over.signal)
    return part.done ? undefined : part.value
  } finally {
    clearTimeout(timer)
  }
}
