import { setTimeout as sleep } from 'node:timers/promises'
import { type RequestHandler, type Response, Router } from 'express'
import { defaultPriority } from '../workflows/names.js'
import { objectKeys } from '../workflows/object-keys.js'
import type { Order } from '../workflows/order.js'
import { queuedMemo } from '../workflows/queued-memo.js'
import type { ApiParts } from './api-parts.js'
import { refuseByHeaders } from './form.js'
import { unfinishedOf } from './list-videos.js'
import { ClientGone } from './pour-body.js'
import { waitsForContinue } from './problem-answer.js'
import { noteHeader } from './present-video.js'
import { Problem, unavailable } from './problems.js'
import { receiveOrder } from './receive-order.js'
import { logVideo, requestLog } from './request-log.js'
import { settleUnknownStart, startVideo } from './start-video.js'
import { newVideoId } from './video-id.js'

const dayMs = 86_400_000
/** A refused client waits for its answer no longer than this for the removal of what it sent; the removal goes on. */
const removalMs = 3_000

/**
 * POST /v1/videos. Nothing is started until everything is stored and valid; whatever goes wrong before that, on either side,
 * leaves no object behind. A client that leaves once the start has been sent has ordered its video.
 */
export function createVideo(parts: ApiParts): Router {
  return Router().post('/v1/videos', handler(parts))
}

function handler(parts: ApiParts): RequestHandler {
  const { uploads, readiness, receiving } = parts
  return async (req, res) => {
    refuseByHeaders(req, receiving.patience.maxBytes)
    using slot = uploads.take()
    if (slot === undefined) {
      throw new Problem('busy', 'too many uploads at once; try again in a moment', { headers: { 'retry-after': '5' } })
    }
    // Before gigabytes are taken in for nothing.
    await readiness.requireForUpload()
    if (waitsForContinue(req)) res.writeContinue()

    const id = newVideoId()
    logVideo(res, id)
    const gone = whenClientLeaves(res)
    try {
      const order = await receiveOrder(req, id, receiving, gone)
      await start(order, parts, res)
    } catch (error) {
      if (!(error instanceof StartUnknown)) {
        await Promise.race([removeObjects(id, parts), sleep(removalMs, undefined, { ref: false })])
      }
      throw error
    }
  }
}

async function start(order: Order, parts: ApiParts, res: Response): Promise<void> {
  const id = order.videoId
  const input = { order, createdAt: Date.now(), retentionMs: parts.retentionDays * dayMs }
  const memo = queuedMemo(input)
  const outcome = await startVideo(parts.client, input, memo)
  switch (outcome.kind) {
    case 'not-started':
      throw unavailable('Temporal', outcome.cause)
    case 'unknown': {
      const settling = { removeObjects: () => removeObjects(id, parts), log: parts.log, signal: parts.signal }
      // Outlives the request, and ends with the process.
      void settleUnknownStart(parts.client, id, settling).catch(() => undefined)
      throw new StartUnknown(outcome.cause)
    }
    case 'started':
      break
  }
  const unfinished = unfinishedOf(id, memo, defaultPriority)
  if (unfinished !== undefined) parts.queue.started(unfinished)
  requestLog(res).info({ event: 'accepted', seconds: memo.seconds, work: memo.work }, 'video accepted')
  res.set({ 'x-video-seed': String(order.seed), ...noteHeader(memo) })
  res.json(await parts.present({ id, memo, priority: defaultPriority }))
}

/** The inputs must stay until it is known whether the video has started. */
class StartUnknown extends Problem {
  constructor(cause: unknown) {
    const { message, headers } = unavailable('Temporal', cause)
    super('unavailable', message, { headers, cause })
  }
}

async function removeObjects(id: string, { receiving, log }: ApiParts): Promise<void> {
  try {
    const removed = await receiving.store.removeAll(objectKeys.video(id))
    if (removed > 0) log.info({ video: id, removed }, 'what a refused request had stored was removed')
  } catch (err) {
    log.warn({ video: id, err }, 'what a refused request had stored is left to the nightly sweep')
  }
}

/** Aborted when the connection ends before the answer does. */
function whenClientLeaves(res: Response): AbortSignal {
  const gone = new AbortController()
  res.once('close', () => {
    if (!res.writableFinished) gone.abort(new ClientGone())
  })
  return gone.signal
}
