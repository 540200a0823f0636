import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { readStored } from '../../infra/files/stored-format.js'
import { defaultPriority, defaultTenant } from '../../workflows/names.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { type Order, orderFormat } from '../../workflows/order.js'
import { queuedMemo } from '../../workflows/video/queued-memo.js'
import type { VideoInput } from '../../workflows/video.js'
import { checkPreset } from './check-preset.js'
import { type Claim, type Claimed, claimKey, claimRetry, findKeyed, findRetried } from './claims.js'
import { type Repetition, sha256 } from './idempotency.js'
import type { Nodes } from '../queue/nodes.js'
import type { VideoState } from '../videos/present-video.js'
import { Problem, OutcomeUnknown, unavailable } from '../http/problems.js'
import { startVideo } from './start-video.js'
import type { VideoReader } from '../videos/video-reader.js'
import { within } from '../http/within.js'

/*
 * How an order becomes one video, whatever dies meanwhile. What is written, in this order:
 *
 *   1. the inputs, checked
 *   2. if the request can be told from others (key or SDK mark): order.json, all that a start needs, then the claim: created only
 *      where there is none
 *   3. the workflow, whose id is the video's: started only if there never was one of this id
 *   4. the answer
 *
 * Ended before the claim: nobody knows of the objects; the nightly sweep takes them; a repetition is an order of its own.
 * Ended between it and 3: the claim names a video that is whole in S3 and was never started. Nothing starts by itself; a
 * repetition finds the claim and starts that video from its order.json, not its own. Without one, the sweep takes both.
 * Ended after 3: the video is under way, and a repetition finds it.
 *
 * Never twice: of many requests at once one creates the claim, all others start the one that it names, and of all starts of
 * one id the server takes one, ever. Never lost: once a claim may name them, objects are removed by the video's own
 * workflow or by the sweep alone. So whatever fails from the claim on is `OutcomeUnknown`: a 503 after which everything stays.
 */

/** A video that a request has got: its own, or that of an earlier one that it repeats. */
export type Accepted = { state: VideoState; seed: number | undefined; isReplay: boolean }

export type Received = { order: Order; digest: string }

export type Accepting = {
  client: Client
  store: Pick<ObjectStore, 'create' | 'replace' | 'put' | 'get' | 'read'>
  reader: Pick<VideoReader, 'read' | 'forget'>
  nodes: Pick<Nodes, 'live'>
  retentionMs: number
  /** Told when it is unknown whether a video that no claim names has started. */
  startUnknown: () => void
}

/** The sweep takes inputs without a workflow after a day; nothing is started from them in the hours before. */
const startableMs = 12 * 3_600_000
const smallObjectMs = 4_000

/** Rejects with `OutcomeUnknown` when what was stored must stay, and otherwise when it can go. */
export async function acceptOrder(
  { order, digest }: Received,
  repetition: Repetition,
  accepting: Accepting,
): Promise<Accepted> {
  const own: Claim = { videoId: order.videoId, digest, at: Date.now() }
  try {
    await checkPreset(order.parameters.preset, accepting.nodes)
  } catch (refusal) {
    // What was accepted once stays so, whatever nodes are up by now.
    const earlier = await findRepeated(own, repetition, accepting)
    if (earlier === undefined) throw refusal
    return earlier
  }
  // Nobody else asks for it: the workflow is given the order itself.
  if (repetition.kind !== 'no') await storeOrder(order, accepting)
  const claimed = await claim(own, repetition, accepting)
  if (claimed.kind === 'earlier') return claimed.found
  const isClaimed = repetition.kind !== 'no'
  const input = inputOf(order, accepting)
  const memo = queuedMemo(input)
  const outcome = await startVideo(accepting.client, input, memo)
  switch (outcome.kind) {
    case 'started':
      return {
        state: { id: order.videoId, memo, priority: defaultPriority },
        seed: order.parameters.seed,
        isReplay: false,
      }
    case 'not-started':
      throw isClaimed ? new OutcomeUnknown('Temporal', outcome.cause) : unavailable('Temporal', outcome.cause)
    case 'unknown':
      if (!isClaimed) accepting.startUnknown()
      throw new OutcomeUnknown('Temporal', outcome.cause)
  }
}

async function claim(own: Claim, repetition: Repetition, accepting: Accepting): Promise<Claimed<Accepted>> {
  const seek = (earlier: Claim) => seekVideo(earlier, accepting)
  const { store } = accepting
  switch (repetition.kind) {
    case 'key':
      return claimKey(store, keyClaim(repetition.key), own, seek)
    case 'sdk':
      return claimRetry(store, retryClaim(own), { own, retry: repetition.retry }, seek)
    case 'no':
      return { kind: 'own' }
  }
}

async function findRepeated(own: Claim, repetition: Repetition, accepting: Accepting): Promise<Accepted | undefined> {
  const seek = (earlier: Claim) => seekVideo(earlier, accepting)
  const { store } = accepting
  switch (repetition.kind) {
    case 'key':
      return findKeyed(store, keyClaim(repetition.key), own, seek)
    case 'sdk':
      return findRetried(store, retryClaim(own), { own, retry: repetition.retry }, seek)
    case 'no':
      return undefined
  }
}

const keyClaim = (key: string): string => objectKeys.claim(sha256(`${defaultTenant}\0${key}`))
const retryClaim = ({ digest }: Claim): string => objectKeys.claim(`retry-${sha256(`${defaultTenant}\0${digest}`)}`)

/** The video of an earlier claim, started if it never was; undefined when it is gone: deleted, expired, or never to start. */
async function seekVideo({ videoId, at }: Claim, accepting: Accepting): Promise<Accepted | undefined> {
  const { client, reader } = accepting
  const order = await storedOrder(videoId, accepting)
  const found = async (): Promise<Accepted | undefined> => {
    reader.forget(videoId)
    const state = await existing(videoId, reader)
    return state && { state, seed: order?.parameters.seed, isReplay: true }
  }
  const running = await found()
  if (running !== undefined || order === undefined || Date.now() - at > startableMs) return running
  const input = inputOf(order, accepting)
  const outcome = await startVideo(client, input, queuedMemo(input))
  if (outcome.kind === 'started') return found()
  // There was a workflow of this id, and it has closed.
  if (outcome.cause instanceof WorkflowExecutionAlreadyStartedError) return undefined
  throw unavailable('Temporal', outcome.cause)
}

async function existing(videoId: string, reader: Accepting['reader']): Promise<VideoState | undefined> {
  try {
    return await reader.read(videoId)
  } catch (error) {
    if (error instanceof Problem && error.type === 'not_found') return undefined
    throw error
  }
}

async function storeOrder(order: Order, { store }: Accepting): Promise<void> {
  const body = JSON.stringify(order)
  await within(smallObjectMs, () =>
    store.put(objectKeys.order(order.videoId), body, { contentType: 'application/json' }),
  ).catch((error: unknown) => {
    throw unavailable('the object store', error)
  })
}

async function storedOrder(videoId: string, { store }: Accepting): Promise<Order | undefined> {
  const body = await within(smallObjectMs, () => store.read(objectKeys.order(videoId))).catch((error: unknown) => {
    throw unavailable('the object store', error)
  })
  // Written by this very service, checked.
  return body && (readStored(objectKeys.order(videoId), body, orderFormat) as Order)
}

function inputOf(order: Order, { retentionMs }: Accepting): VideoInput {
  return { order, createdAt: Date.now(), retentionMs }
}
