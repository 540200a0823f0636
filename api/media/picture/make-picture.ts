import sharp, { type Sharp } from 'sharp'
import type { Size } from '../../../workflows/size-buckets.js'
import { lightOf } from './ink.js'
import { hasAdobeMarker, withEnd } from './jpeg-markers.js'

// A file can be a picture to one program and something else to the next: only these loaders exist here. Each of them is fuzzed.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadPng',
    'VipsForeignLoadJpeg',
    'VipsForeignLoadWebp',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadHeif', // of its codecs only AV1 is built in: AVIF, and no HEIC
  ],
})
sharp.cache(false) // every picture is seen once

/** Above so many pixels a PNG is compressed, which costs 15 ms a megapixel and halves what a photograph takes in the store. */
const storedAsIsPixels = 2_000_000
/** The largest picture takes 2 s on a machine that has nothing else to do. */
export const decodeSeconds = 120

export type PictureHeader = Size & {
  isAnimated: boolean
  /** Where its channels are ink that no profile explains: whether sharp gives it inverted, since it takes every JPEG's for Adobe's. */
  ink: { isInverted: boolean } | undefined
}

/** What a picture says of itself, as it is displayed: its EXIF orientation is applied, as viewers do. Rejects where it says nothing. */
export async function readPictureHeader(content: Buffer): Promise<PictureHeader> {
  const { autoOrient, pages = 1, space, icc } = await sharp(content, { limitInputPixels: false }).metadata()
  return {
    width: autoOrient.width,
    height: autoOrient.height,
    isAnimated: pages > 1 || isApng(content),
    ink: space === 'cmyk' ? inkOf(content, icc !== undefined) : undefined,
  }
}

/**
 * The PNG that the ranks read, from one decode of every pixel: upright, 8-bit RGB, sRGB, opaque, no metadata, in full size; of an
 * animation its first frame. Of a picture that is 8-bit RGB and sRGB already, the pixels are those that it has, bit for bit.
 * Rejects where one of them cannot be decoded.
 */
export async function makePicture(content: Buffer, header: PictureHeader, background: string): Promise<Buffer> {
  try {
    return await png(content, header, { background, failOn: 'error' })
  } catch (error) {
    const whole = withEnd(content)
    if (whole === undefined) throw error
    // A JPEG that lacks its end marker alone has all of its pixels: none is missing if nothing at all is found wrong with the rest.
    return await png(whole, header, { background, failOn: 'warning' }).catch(() => {
      throw error
    })
  }
}

type Making = { background: string; failOn: 'error' | 'warning' }

async function png(content: Buffer, header: PictureHeader, { background, failOn }: Making): Promise<Buffer> {
  const pixels = header.width * header.height
  const picture = sharp(content, { failOn, sequentialRead: true, limitInputPixels: pixels }).autoOrient()
  const light = header.ink === undefined ? picture.flatten({ background }) : await fromInk(picture, header.ink)
  return (
    light
      .toColourspace('srgb')
      // A row is stored as it is: any filter costs more than it saves here.
      .png({ compressionLevel: pixels > storedAsIsPixels ? 1 : 0, adaptiveFiltering: false, palette: false })
      .timeout({ seconds: decodeSeconds })
      .toBuffer()
  )
}

/** Only JPEGs come with ink. */
function inkOf(content: Buffer, hasProfile: boolean): PictureHeader['ink'] {
  const isInverted = !hasAdobeMarker(content)
  return hasProfile && !isInverted ? undefined : { isInverted }
}

async function fromInk(picture: Sharp, { isInverted }: { isInverted: boolean }): Promise<Sharp> {
  const ink = picture.pipelineColourspace('cmyk').toColourspace('cmyk').timeout({ seconds: decodeSeconds }).raw()
  const { data, info } = await ink.toBuffer({ resolveWithObject: true })
  const { width, height } = info
  return sharp(await lightOf(data, isInverted), { raw: { width, height, channels: 3 } })
}

/** Whether a PNG says before its pixels that it is animated; libvips reads the picture that stands for it. */
function isApng(content: Buffer): boolean {
  const pixels = content.indexOf('IDAT')
  return content[0] === 0x89 && content.subarray(0, pixels < 0 ? 0 : pixels).includes('acTL')
}
