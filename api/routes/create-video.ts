import { setTimeout as sleep } from 'node:timers/promises'
import { type RequestHandler, type Response, Router } from 'express'
import { objectKeys } from '../../workflows/object-keys.js'
import { acceptOrder, type Accepted, type Accepting } from '../acceptance/accept-order.js'
import type { ApiParts } from '../api-parts.js'
import { clientAddress } from '../http/client-address.js'
import { refuseByHeaders } from '../intake/form.js'
import { repetitionOf } from '../acceptance/idempotency.js'
import { unfinishedOf } from '../queue/video-lister.js'
import { tellToSend } from '../http/expect-continue.js'
import { noteHeader } from '../videos/present-video.js'
import { ClientGone, OutcomeUnknown, refuseWhenDraining } from '../http/problems.js'
import { receiveOrder } from '../acceptance/receive-order.js'
import { logVideo, requestLog } from '../http/request-log.js'
import { settleUnknownStart } from '../acceptance/start-video.js'
import { askTemporalOnce } from '../videos/temporal-calls.js'
import { newVideoId } from '../acceptance/video-id.js'

const dayMs = 86_400_000
/** A refused client waits for its answer no longer than this for the removal of what it sent; the removal goes on. */
const removalMs = 3_000

/**
 * POST /v1/videos. Nothing is started until everything is stored and valid; whatever goes wrong before that, on either side,
 * leaves no object behind. A client that leaves once its order is stored and valid has ordered its video.
 */
export function createVideo(parts: ApiParts): Router {
  return Router().post('/v1/videos', handler(parts))
}

function handler(parts: ApiParts): RequestHandler {
  const { uploads, trusted, readiness, receiving, queue } = parts
  return async (req, res) => {
    refuseWhenDraining(parts.signal)
    refuseByHeaders(req, receiving.patience.maxBytes)
    const repetition = repetitionOf(req)
    const gone = whenClientLeaves(res)
    using upload = await uploads.take(clientAddress(req, trusted), gone)
    // Before gigabytes are taken in for nothing.
    await readiness.requireForUpload()
    // Whoever is accepted is told his place in the queue.
    await askTemporalOnce(() => queue.videos())
    tellToSend(req, res)

    const id = newVideoId()
    let accepted: Accepted
    try {
      const received = await receiveOrder(req, id, receiving, { signal: gone, upload })
      // From here on it is ordered, whether or not the client stays to hear of it.
      accepted = await acceptOrder(received, repetition, accepting(id, parts))
    } catch (error) {
      if (error instanceof OutcomeUnknown) logVideo(res, id)
      else await remove(id, parts, 'a refused request')
      throw error
    }
    if (accepted.isReplay) await remove(id, parts, 'a repetition')
    await answer(accepted, parts, res)
  }
}

/** Answers with the video that this request has got. */
async function answer({ state, seed, isReplay }: Accepted, parts: ApiParts, res: Response): Promise<void> {
  const { id, memo, priority } = state
  logVideo(res, id)
  if (isReplay) {
    requestLog(res).info({ event: 'replayed' }, 'a repetition: answered with the video that there is')
    res.set('idempotency-replayed', 'true')
  } else {
    const unfinished = unfinishedOf(id, memo, priority)
    if (unfinished !== undefined) parts.queue.started(unfinished)
    requestLog(res).info({ event: 'accepted', seconds: memo.seconds, work: memo.work }, 'video accepted')
  }
  if (seed !== undefined) res.set('x-video-seed', String(seed))
  res.set(noteHeader(memo))
  res.json(await parts.present(state))
}

function accepting(id: string, parts: ApiParts): Accepting {
  const { client, reader, nodes, receiving, retentionDays, log, signal } = parts
  return {
    client,
    reader,
    nodes,
    store: receiving.store,
    retentionMs: retentionDays * dayMs,
    startUnknown() {
      const settling = { removeObjects: () => removeObjects(id, parts, 'a refused request'), log, signal }
      // Outlives the request, and ends with the process.
      void settleUnknownStart(client, id, settling).catch(() => undefined)
    },
  }
}

/** Waits for the removal of what a request has stored no longer than its client should; the removal goes on. */
async function remove(id: string, parts: ApiParts, whose: string): Promise<void> {
  await Promise.race([removeObjects(id, parts, whose), sleep(removalMs, undefined, { ref: false })])
}

async function removeObjects(id: string, { receiving, log }: ApiParts, whose: string): Promise<void> {
  try {
    const removed = await receiving.store.removeAll(objectKeys.video(id))
    if (removed > 0) log.debug({ prefix: id, removed }, `what ${whose} had stored was removed`)
  } catch (err) {
    log.warn({ prefix: id, err }, `what ${whose} had stored is left to the nightly sweep`)
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
