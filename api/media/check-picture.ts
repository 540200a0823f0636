import sharp from 'sharp'
import type { Size } from '../../workflows/size-buckets.js'
import type { MediaChecking } from './media-checking.js'
import { fileLimits } from '../intake/file-kinds.js'
import { Problem, unavailable } from '../http/problems.js'
import type { StoredInput } from '../intake/store-input.js'

export const mostPixels = 40_000_000
export const leastSide = 64

// A file can be a picture to one program and something else to the next: only these three loaders exist here.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp'] })
sharp.cache(false) // every picture is seen once

/**
 * The size of a picture as displayed, in pixels: its EXIF orientation is applied, as the renderer does. Every pixel is decoded.
 * A picture that is broken, cut off, too small or too large is a Problem of `input_reference`.
 */
export async function pictureSize(picture: StoredInput, { store }: MediaChecking, signal: AbortSignal): Promise<Size> {
  const bytes = await store.read(picture.key, fileLimits.picture).catch((error: unknown) => {
    throw unavailable('the object store', error)
  })
  if (bytes === undefined) throw unavailable('the object store', new Error(`${picture.key} is not there any more`))
  signal.throwIfAborted()
  const options = { failOn: 'error', sequentialRead: true } as const
  const header = await sharp(bytes, { ...options, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw broken(cause)
    })
  const size = { width: header.autoOrient.width, height: header.autoOrient.height }
  if (size.width * size.height > mostPixels) {
    throw refused(`has ${size.width} x ${size.height} pixels; the most is ${mostPixels / 1e6} megapixels`)
  }
  if (Math.min(size.width, size.height) < leastSide) {
    throw refused(`has ${size.width} x ${size.height} pixels; the least is ${leastSide} a side`)
  }
  await sharp(bytes, { ...options, limitInputPixels: mostPixels })
    // Without the fast way, which for JPEG skips most of the decoding.
    .resize(16, 16, { fit: 'fill', fastShrinkOnLoad: false })
    .timeout({ seconds: 30 })
    .raw()
    .toBuffer()
    .catch((cause: unknown) => {
      throw broken(cause)
    })
  return size
}

function broken(cause: unknown): Problem {
  return refused('cannot be decoded to its end: it is broken or cut off', cause)
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the picture in 'input_reference' ${what}`, { param: 'input_reference', cause })
}
