import { objectKeys } from '../../../workflows/object-keys.js'
import type { Reference } from '../../../workflows/order.js'
import { fileLimits } from '../../intake/file-kinds.js'
import type { StoredInput } from '../../intake/store-input.js'
import { Problem, unavailable } from '../../http/problems.js'
import { decodeSeconds, makePicture, type PictureHeader, readPictureHeader } from './make-picture.js'
import type { MediaChecking, ReferenceChecking } from '../media-checking.js'

export const mostPixels = 40_000_000
export const leastSide = 64

/**
 * Decodes a picture, every pixel of it, and stores what the ranks read in its place. One that is broken, cut off, too small or too
 * large is a Problem of `input_reference`: nothing that is accepted here fails later for what its bytes are.
 */
export async function keepPicture(
  picture: StoredInput,
  { videoId, background, signal }: ReferenceChecking,
  { store }: MediaChecking,
): Promise<Reference> {
  const content = picture.whole ?? (await readBack(picture, store))
  signal.throwIfAborted()
  const header = await readPictureHeader(content).catch((cause: unknown) => {
    throw broken(cause)
  })
  refuseSize(header)
  const made = await makePicture(content, header, background).catch((cause: unknown) => {
    throw broken(cause)
  })
  signal.throwIfAborted()
  const key = objectKeys.preparedReference(videoId, 'png')
  const { bytes, sha256 } = await store.upload(key, oneByOne(made), { contentType: 'image/png', signal }).catch((e) => {
    signal.throwIfAborted()
    throw unavailable('the object store', e)
  })
  const { width, height, isAnimated } = header
  return { kind: 'picture', key, bytes, sha256, width, height, ...(isAnimated && { of: 'animation' }) }
}

async function readBack({ key }: StoredInput, store: MediaChecking['store']): Promise<Buffer> {
  const bytes = await store.read(key, fileLimits.picture).catch((error: unknown) => {
    throw unavailable('the object store', error)
  })
  if (bytes === undefined) throw unavailable('the object store', new Error(`${key} is not there any more`))
  return bytes
}

function refuseSize({ width, height }: PictureHeader): void {
  if (width * height > mostPixels) {
    throw refused(`has ${width} x ${height} pixels; the most is ${mostPixels / 1e6} megapixels`)
  }
  if (Math.min(width, height) < leastSide) {
    throw refused(`has ${width} x ${height} pixels; the least is ${leastSide} a side`)
  }
}

async function* oneByOne(bytes: Buffer): AsyncIterable<Buffer> {
  yield await Promise.resolve(bytes)
}

function broken(cause: unknown): Problem {
  // sharp's word for its own limit.
  if (cause instanceof Error && cause.message.startsWith('timeout:')) {
    return refused(`takes longer than ${decodeSeconds} s to decode`, cause)
  }
  return refused('cannot be decoded to its end: it is broken or cut off', cause)
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the picture in 'input_reference' ${what}`, { param: 'input_reference', cause })
}
