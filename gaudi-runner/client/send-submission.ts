import type { ClientWritableStream, requestCallback } from '@grpc/grpc-js'
import { addAbortListener, once } from 'node:events'
import { untilAborted } from '../../infra/program/until-aborted.js'
import type { Job__Output as Job } from '../generated/text2video/runner/v1/Job.js'
import type { SubmitPart } from '../generated/text2video/runner/v1/SubmitPart.js'
import { RunnerCallFailed } from '../contract/runner-call-failed.js'
import { pieceBytes } from '../contract/runner-proto.js'
import { type JsonObject, toStruct } from '../contract/struct.js'

/** What is to be rendered: `settings` by the ranks' own names. */
export type RunnerOrder = {
  jobId: string
  generation: number
  preset: string
  firstChunk: number
  settings: JsonObject
}

/** An input file, with what it must turn out to be; `sha256` in hex. */
export type SubmittedFile = {
  role: 'REFERENCE' | 'VOICE_1' | 'VOICE_2' | 'CHECKPOINT'
  bytes: number
  sha256: string
  open: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>
}

/** Sends one submission with back-pressure. A file that cannot be read cancels the call: the runner then keeps nothing. */
export async function sendSubmission(
  start: (answer: requestCallback<Job>) => ClientWritableStream<SubmitPart>,
  order: RunnerOrder,
  files: readonly SubmittedFile[],
  signal: AbortSignal | undefined,
): Promise<Job> {
  signal?.throwIfAborted()
  // An answer that comes before the files are through (job known, node busy, bad order) ends the sending.
  const answered = new AbortController()
  let call: ClientWritableStream<SubmitPart> | undefined
  const answer = new Promise<Job>((resolve, reject) => {
    call = start((error, job) => {
      answered.abort()
      if (error) reject(new RunnerCallFailed('Submit', error))
      else resolve(job as Job)
    })
  })
  answer.catch(() => {}) // awaited below, perhaps after a file that failed first
  if (!call) throw new Error('the call was not started')
  const open = call
  open.on('error', () => {}) // comes through the answer
  using _cancel = signal && addAbortListener(signal, () => open.cancel())
  try {
    await sendParts(open, order, files, signal ? AbortSignal.any([answered.signal, signal]) : answered.signal)
    return await answer
  } catch (error) {
    open.cancel()
    if (signal?.aborted) throw signal.reason
    throw error
  }
}

async function sendParts(
  call: ClientWritableStream<SubmitPart>,
  order: RunnerOrder,
  files: readonly SubmittedFile[],
  over: AbortSignal,
): Promise<void> {
  const send = async (part: SubmitPart): Promise<void> => {
    if (over.aborted || call.write(part)) return
    await once(call, 'drain', { signal: over }).catch(() => {})
  }
  await send({ order: { ...order, settings: toStruct(order.settings) } })
  for (const { role, bytes, sha256, open } of files) {
    if (over.aborted) return
    await send({ file: { role, bytes, sha256 } })
    for await (const piece of readUntil(over, await open())) {
      for (let at = 0; at < piece.length; at += pieceBytes) await send({ data: piece.subarray(at, at + pieceBytes) })
    }
  }
  call.end()
}

/** Ends early when the call is over, also while the source gives nothing. */
async function* readUntil(over: AbortSignal, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* untilAborted(source, over)
  } catch (error) {
    if (!over.aborted) throw error
  }
}
