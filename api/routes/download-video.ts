import { create as contentDisposition } from 'content-disposition'
import { type Request, type Response, Router } from 'express'
import parseRange from 'range-parser'
import { failures } from '../../workflows/failures.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { VideoFile } from '../../workflows/video.js'
import type { ApiParts } from '../api-parts.js'
import { errorCode, type VideoState } from '../videos/present-video.js'
import { Problem, refuseWhenDraining, unavailable, videoNotFound } from '../http/problems.js'
import { logVideo } from '../http/request-log.js'
import { within } from '../http/within.js'

const contentType = 'video/mp4'
const notReadySeconds = 5
/** A client follows at once, and what has begun goes on; who resumes later asks for a new address. */
const redirectSeconds = 300
/** S3's first word must come within this time; then it may not keep a waiting reader longer than `storeStallMs`. */
const firstByteMs = 4_000

/**
 * GET and HEAD /v1/videos/{video_id}/content: the finished file, from S3, at the pace of whoever reads it; or, with
 * `CONTENT_REDIRECT`, where S3 hands it out.
 */
export function downloadVideo({ reader, receiving, signal }: ApiParts): Router {
  return Router().get('/v1/videos/:video_id/content', async (req, res) => {
    refuseWhenDraining(signal)
    const id = req.params.video_id
    const variant = req.query['variant'] ?? 'video'
    if (variant !== 'video') {
      throw new Problem('invalid_parameter', "'variant' must be 'video'", { param: 'variant' })
    }
    const file = finishedFile(await reader.read(id))
    logVideo(res, id)
    const address = await redirectAddress(req, id, receiving.store)
    if (address !== undefined) {
      res.set({ location: address, 'cache-control': 'no-store', 'content-length': '0' }).status(302).end()
      return
    }
    const etag = `"${file.sha256}"`
    res.set({
      etag,
      'accept-ranges': 'bytes',
      'content-type': contentType,
      'content-disposition': contentDisposition(`${id}.mp4`),
      // The bytes never change, but the video may be deleted: ask each time.
      'cache-control': 'private, no-cache',
    })
    if (req.fresh) {
      res.status(304).end()
      return
    }
    const range = rangeOf(req, etag, file.bytes)
    res.set('content-length', String(range === undefined ? file.bytes : range.end - range.start + 1))
    if (range !== undefined) {
      res.status(206).set('content-range', `bytes ${range.start}-${range.end}/${file.bytes}`)
    }
    if (req.method === 'HEAD') res.end()
    else await send(id, range, receiving, res)
  })
}

/** Where S3 hands out the file itself (`CONTENT_REDIRECT`); undefined where we do. Never of a file that is not there. */
async function redirectAddress(
  req: Request,
  id: string,
  store: ApiParts['receiving']['store'],
): Promise<string | undefined> {
  const key = objectKeys.output(id)
  const address = await store.publicUrl(key, {
    method: req.method === 'HEAD' ? 'HEAD' : 'GET',
    seconds: redirectSeconds,
    contentType,
    contentDisposition: contentDisposition(`${id}.mp4`),
  })
  if (address === undefined) return undefined
  const found = await within(firstByteMs, () => store.head(key)).catch((error: unknown) => {
    throw unavailable('the object store', error)
  })
  if (found === undefined) throw videoNotFound(id)
  return address
}

async function send(
  id: string,
  range: { start: number; end: number } | undefined,
  { store, patience }: ApiParts['receiving'],
  res: Response,
): Promise<void> {
  // Ends the read from S3 as soon as nobody listens any more.
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  const failing = new AbortController()
  const fail = (why: string) => failing.abort(new Error(why))
  const late = setTimeout(() => fail('no answer in time'), firstByteMs)
  const watch = setInterval(
    silenceOf(res, () => fail('S3 sends nothing any more')),
    patience.storeStallMs,
  )
  try {
    const poured = await store.pour(objectKeys.output(id), res, {
      signal: AbortSignal.any([gone.signal, failing.signal]),
      onAnswer: () => clearTimeout(late),
      ...(range && { range: `bytes=${range.start}-${range.end}` }),
    })
    // Removed between our two looks.
    if (poured !== 'poured') throw withoutFileHeaders(res, videoNotFound(id))
  } catch (error) {
    if (gone.signal.aborted || res.destroyed) return
    if (error instanceof Problem) throw error
    // Once the length was said, a reader sees that the file is not whole, and may ask for the rest.
    const problem = unavailable('the object store', error)
    throw res.headersSent ? problem : withoutFileHeaders(res, problem)
  } finally {
    clearTimeout(late)
    clearInterval(watch)
  }
}

/** Calls `fail` when nothing has gone out since the last look, although the reader has taken all that came. */
function silenceOf(res: Response, fail: () => void): () => void {
  let before: number | undefined
  return () => {
    const sent = res.socket?.bytesWritten
    if (sent === before && !res.writableNeedDrain) fail()
    before = sent
  }
}

/** The file of a completed video; why there is none is the Problem of any other. */
function finishedFile({ id, memo }: VideoState): VideoFile {
  const never = { headers: { 'x-should-retry': 'false' } }
  switch (memo.phase) {
    case 'queued':
    case 'processing':
      throw new Problem('video_not_ready', `the video is ${memo.phase}; it can be downloaded once it is completed`, {
        headers: { 'retry-after': String(notReadySeconds) },
      })
    case 'failed':
      throw new Problem('video_failed', `the video failed: ${failures[errorCode(memo) ?? 'internal'].told}`, never)
    case 'cancelled':
      throw new Problem('video_failed', 'the video was cancelled', never)
    case 'deleting':
      throw videoNotFound(id)
    case 'completed':
      if (memo.file === undefined) throw new Error(`${id} is completed and has no file`)
      return memo.file
  }
}

/**
 * The one range to send; undefined for all of the file: nothing asked, several ranges asked, or asked of another version.
 */
function rangeOf(req: Request, etag: string, bytes: number): { start: number; end: number } | undefined {
  const asked = req.get('range')
  const ifRange = req.get('if-range')
  // HTTP defines ranges for GET alone.
  if (asked === undefined || req.method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return undefined
  const ranges = parseRange(bytes, asked)
  if (ranges === -1) {
    throw withoutFileHeaders(
      req.res,
      new Problem('range_not_satisfiable', `the file has ${bytes} bytes`, {
        headers: { 'content-range': `bytes */${bytes}` },
      }),
    )
  }
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined
  return ranges[0]
}

/** An error's body is not the file: what was said of the file must not be said of it. */
function withoutFileHeaders(res: Response | undefined, problem: Problem): Problem {
  const said = ['etag', 'accept-ranges', 'content-type', 'content-disposition', 'content-length', 'content-range']
  for (const name of said) res?.removeHeader(name)
  return problem
}
