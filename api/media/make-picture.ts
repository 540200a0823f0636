import sharp from 'sharp'
import type { Size } from '../../workflows/size-buckets.js'
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
const decodeSeconds = 30

export type PictureHeader = Size & {
  isAnimated: boolean
  /** JPEG whose four channels are ink, in the polarity of which sharp knows nothing: it takes all for Adobe's. */
  isPlainCmyk: boolean
}

/** What a picture says of itself, as it is displayed: its EXIF orientation is applied, as viewers do. Rejects where it says nothing. */
export async function readPictureHeader(content: Buffer): Promise<PictureHeader> {
  const { autoOrient, pages = 1, space, format } = await sharp(content, { limitInputPixels: false }).metadata()
  return {
    width: autoOrient.width,
    height: autoOrient.height,
    isAnimated: pages > 1 || isApng(content),
    isPlainCmyk: format === 'jpeg' && space === 'cmyk' && !hasAdobeMarker(content),
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

function png(content: Buffer, header: PictureHeader, { background, failOn }: Making): Promise<Buffer> {
  const pixels = header.width * header.height
  const picture = sharp(content, { failOn, sequentialRead: true, limitInputPixels: pixels })
  const ink = header.isPlainCmyk ? picture.pipelineColourspace('cmyk').negate() : picture
  return (
    ink
      .autoOrient()
      .flatten({ background })
      .toColourspace('srgb')
      // A row is stored as it is: any filter costs more than it saves here.
      .png({ compressionLevel: pixels > storedAsIsPixels ? 1 : 0, adaptiveFiltering: false, palette: false })
      .timeout({ seconds: decodeSeconds })
      .toBuffer()
  )
}

/** Whether a PNG says before its pixels that it is animated; libvips reads the picture that stands for it. */
function isApng(content: Buffer): boolean {
  const pixels = content.indexOf('IDAT')
  return content[0] === 0x89 && content.subarray(0, pixels < 0 ? 0 : pixels).includes('acTL')
}
