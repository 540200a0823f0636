import { FfmpegFailed } from '../../../infra/ffmpeg/ffmpeg.js'
import { toSdr } from '../../../infra/ffmpeg/film-filters.js'
import type { Film, Reference } from '../../../workflows/order.js'
import type { Size } from '../../../workflows/size-buckets.js'
import { declaredBytes } from '../declared-bytes.js'
import type { MediaChecking, ReferenceChecking } from '../media-checking.js'
import { mediaProblem } from '../media-problem.js'
import { leastSide, mostPixels } from '../picture/check-picture.js'
import { storedBytes } from '../stored-container.js'
import { type FilmFacts, takenCodecsInWords } from './film-facts.js'
import { filmFacts } from './film-facts-in-thread.js'
import { type FirstFrame, firstFrame, squareSize } from './first-frame.js'
import { Problem } from '../../http/problems.js'
import type { StoredInput } from '../../intake/store-input.js'

const readUrlSeconds = 600
/** No honest film has so many boxes before its pictures; of those that are written in fragments the rest is not walked. */
const mostBoxes = 16

/**
 * What an order must know of a film. Its first frame is decoded as the media worker will decode it; of the rest what can be decoded is
 * used when the film is made ready, as players do, so that nothing that is accepted here fails later for what its bytes are. A
 * film that is cut off, or has no frame that decodes, is a Problem of `input_reference`.
 */
export async function checkFilm(
  film: StoredInput,
  { signal }: ReferenceChecking,
  checking: MediaChecking,
): Promise<Reference> {
  const { key, bytes, sha256 } = film
  const facts = await filmFacts(checking.store, film, signal)
  await refuseCutOff(film, facts, checking, signal)
  refuseContainer(facts)
  const frame = await frameOf(film, facts, checking, signal)
  const size = squareSize(frame)
  refuseSize(size)
  const hdr = facts?.track?.hdr
  const told: Film = {
    kind: 'video',
    ...(frame.start !== 0 && { start: frame.start }),
    ...(hdr && { hdr: (await isMapped(film, hdr, checking, signal)) ? hdr : 'unmapped' }),
    ...(facts?.track?.seeThrough && { seeThrough: facts.track.seeThrough }),
  }
  return { key, bytes, sha256, ...size, ...told }
}

function refuseContainer(facts: FilmFacts | undefined): void {
  if (facts === undefined) return // ffmpeg may read what the demuxer does not
  const { track } = facts
  if (track === undefined) throw refused('has no picture track')
  if (track.codedPixels > mostPixels) throw refused(`has more than ${mostPixels / 1e6} megapixels`)
  if (track.otherCodec === undefined) return
  throw refused(`is coded as ${track.otherCodec}, which is not taken; ${takenCodecsInWords} are`)
}

function refuseSize({ width, height }: Size): void {
  if (width * height > mostPixels) {
    throw refused(`is shown with ${width} x ${height} pixels; the most is ${mostPixels / 1e6} megapixels`)
  }
  if (Math.min(width, height) < leastSide) throw refused(`has a side below ${leastSide} pixels`)
}

/** Cut off is what lacks more than a second and a twentieth of what it declares: less is no loss that anybody sees. */
async function refuseCutOff(
  film: StoredInput,
  facts: FilmFacts | undefined,
  { store }: MediaChecking,
  signal: AbortSignal,
): Promise<void> {
  const declared = await declaredBytes(storedBytes(store, film, signal), mostBoxes)
  if (declared === undefined || declared <= film.bytes) return
  const missing = 1 - film.bytes / declared
  const { seconds, track } = facts ?? {}
  if (track !== undefined && (missing <= 0.05 || missing * (seconds ?? Infinity) <= 1)) return
  const length = seconds === undefined ? '' : ` for ${seconds.toFixed(1)} s`
  throw refused(`is cut off: it declares ${declared} bytes${length}, and ${film.bytes} are there`)
}

async function frameOf(
  film: StoredInput,
  facts: FilmFacts | undefined,
  { store, ffmpegPath }: MediaChecking,
  signal: AbortSignal,
): Promise<FirstFrame> {
  const url = await store.readUrl(film.key, readUrlSeconds)
  const seeThrough = facts?.track?.seeThrough
  const why = facts === undefined ? 'cannot be read: it is broken or cut off' : 'has no frame that can be decoded'
  const decode = (): Promise<FirstFrame | undefined> => firstFrame(url, { ffmpegPath, signal, filters: [], seeThrough })
  const frame = await decode()
    .catch(async (error: unknown) => {
      if (!isInterrupted(error)) throw error
      // Of some damaged files ffmpeg says what it says of a store that is away: then this answers, and it says so again.
      await storedBytes(store, film, signal).read(0, 1)
      return await decode().catch((again: unknown) => {
        throw isInterrupted(again) ? refused(why, again) : again
      })
    })
    .catch((error: unknown) => {
      if (error instanceof Problem) throw error
      throw mediaProblem(error, signal, () => refused(why, error))
    })
  if (frame === undefined) throw refused(why)
  return frame
}

const isInterrupted = (error: unknown): boolean => error instanceof FfmpegFailed && error.reason === 'interrupted'

/** Whether this ffmpeg brings HDR to SDR: not every one is built with what that takes. */
async function isMapped(
  film: StoredInput,
  hdr: 'pq' | 'hlg',
  { store, ffmpegPath }: MediaChecking,
  signal: AbortSignal,
): Promise<boolean> {
  const url = await store.readUrl(film.key, readUrlSeconds)
  return await firstFrame(url, { ffmpegPath, signal, filters: toSdr(hdr), seeThrough: undefined }).then(
    () => true,
    () => {
      signal.throwIfAborted()
      return false
    },
  )
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the video in 'input_reference' ${what}`, { param: 'input_reference', cause })
}
