import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import sharp, { type Sharp } from 'sharp'
import { root } from '../../../infra/local/setup/root.mjs'
import { parts } from '../../../infra/local/setup/parts.mjs'
import { orderNote } from '../../../workflows/video/order-note.js'
import { anAcceptedOrder } from '../../support/api/an-order.js'
import {
  animatedPng,
  iccChunk,
  paddedProfile,
  pngChunk,
  textChunk,
  withChunks,
  withJpegProfile,
  withoutSegments,
} from '../../support/media/odd-pictures.js'
import { refusedReference, takeReference, type TakingOptions } from '../../support/media/taken-reference.js'

/** Every picture here: the left half orange, the right one blue. */
const [width, height] = [96, 64]
const [orange, blue] = [
  [208, 120, 40],
  [30, 60, 180],
] as const
const flat = ([r, g, b]: readonly number[], alpha?: number): Sharp => {
  const background = { r: r ?? 0, g: g ?? 0, b: b ?? 0, ...(alpha !== undefined && { alpha }) }
  return sharp({ create: { width, height, channels: alpha === undefined ? 3 : 4, background } })
}
const halves = async (): Promise<Sharp> => {
  const right = await flat(blue)
    .resize(width / 2, height)
    .png()
    .toBuffer()
  return sharp(
    await flat(orange)
      .composite([{ input: right, left: width / 2, top: 0 }])
      .png()
      .toBuffer(),
  )
}
const plain = await halves()
const png = await plain.clone().png().toBuffer()
const jpeg = await plain.clone().jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toBuffer()

const profileOf = async (picture: Sharp): Promise<Buffer> => {
  const { icc } = await sharp(await picture.png().toBuffer()).metadata()
  assert.ok(icc)
  return icc
}
const displayP3 = await profileOf(plain.clone().withIccProfile('p3'))

/** The pixels of what the ranks read, which is looked at with nothing but a PNG reader: its header must say all. */
async function pixels(sent: Buffer, options?: TakingOptions) {
  const { made, ...taken } = await takeReference(sent, options)
  const { format, depth, channels, space, icc, exif, xmp, orientation } = await sharp(made).metadata()
  assert.deepEqual(
    { format, depth, channels, space, icc, exif, xmp, orientation },
    {
      ...{ format: 'png', depth: 'uchar', channels: 3, space: 'srgb' },
      icc: undefined,
      exif: undefined,
      xmp: undefined,
      orientation: undefined,
    },
  )
  const { data, info } = await sharp(made).raw().toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height], [taken.reference.width, taken.reference.height])
  const at = (x: number, y: number): number[] => [
    ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
  ]
  return { ...taken, made, data, at }
}

function assertNear(seen: number[], right: readonly number[], within: number, what: string): void {
  for (const [i, value] of right.entries()) {
    assert.ok(Math.abs((seen[i] ?? 0) - value) <= within, `${what}: ${seen.join()}, ${right.join()} is right`)
  }
}

test('the pixels of an ordinary picture are kept bit for bit, as Pillow reads them', async () => {
  const photo = await sharp(await readFile(join(root, 'examples/single/ref_image.png')))
    .resize(200, 150)
    .toBuffer()
  const turned = [3, 6].map((orientation) => sharp(photo).withMetadata({ orientation }).jpeg().toBuffer())
  const pictures = await Promise.all([
    readFile(join(root, 'examples/multi/ref_img.png')),
    Promise.resolve(photo),
    sharp(photo).jpeg().toBuffer(),
    sharp(photo).jpeg({ quality: 60, progressive: true, chromaSubsampling: '4:4:4' }).toBuffer(),
    sharp(photo).withIccProfile('srgb').jpeg().toBuffer(),
    sharp(photo).grayscale().jpeg().toBuffer(),
    sharp(photo).webp().toBuffer(),
    sharp(photo).toColourspace('cmyk').jpeg().toBuffer(),
    ...turned,
  ])
  const pillow = [
    'import sys, io, struct, hashlib',
    'from PIL import Image, ImageOps',
    'while size := sys.stdin.buffer.read(4):',
    '    file = io.BytesIO(sys.stdin.buffer.read(struct.unpack("<I", size)[0]))',
    '    print(hashlib.sha256(ImageOps.exif_transpose(Image.open(file)).convert("RGB").tobytes()).hexdigest())',
  ].join('\n')
  const sized = (bytes: Buffer) => [Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]
  const digests = (files: Buffer[]): string[] => {
    const input = Buffer.concat(files.flatMap(sized))
    return execFileSync(parts().python, ['-c', pillow], { input, encoding: 'utf8' }).trim().split('\n')
  }
  const made = await Promise.all(pictures.map(async (picture) => (await takeReference(picture)).made))
  assert.deepEqual(digests(made), digests(pictures))
})

test('whatever a picture is, the ranks read it upright, in 8-bit RGB and sRGB, without metadata', async () => {
  const grey16 = await plain.clone().toColourspace('grey16').png().toBuffer()
  const cmyk = await plain.clone().toColourspace('cmyk').jpeg({ quality: 98 }).toBuffer()
  const inverted = await sharp(cmyk)
    .pipelineColourspace('cmyk')
    .negate()
    .toColourspace('cmyk')
    .jpeg({ quality: 98 })
    .toBuffer()
  const motion = Buffer.concat([
    jpeg,
    Buffer.from('MotionPhoto_Data'),
    Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0mp42isom', 'latin1'),
  ])
  const kinds: Record<string, [Buffer | Promise<Buffer>, within?: number]> = {
    '16-bit RGB, interlaced': [plain.clone().toColourspace('rgb16').png({ progressive: true }).toBuffer()],
    palette: [plain.clone().png({ palette: true }).toBuffer(), 2],
    WebP: [plain.clone().webp({ lossless: true }).toBuffer()],
    GIF: [plain.clone().gif().toBuffer(), 4],
    AVIF: [plain.clone().avif({ quality: 90 }).toBuffer(), 6],
    'two JPEGs in one': [Buffer.concat([jpeg, jpeg]), 3],
    'a JPEG with a film behind it': [motion, 3],
    'a JPEG without its end marker': [jpeg.subarray(0, -2), 3],
    'a JPEG with bytes behind its end': [Buffer.concat([jpeg, Buffer.alloc(3000, 7)]), 3],
    'a PNG with bytes behind its end': [Buffer.concat([png, Buffer.alloc(3000, 7)])],
    'a PNG with 20 MB of text': [withChunks(png, textChunk(20_000_000))],
    'a PNG with 3000 texts': [withChunks(png, ...Array<Buffer>(3000).fill(pngChunk('tEXt', Buffer.from('a\0b'))))],
    'a wrong checksum of a text': [withChunks(png, pngChunk('tEXt', Buffer.from('a\0b'), true))],
    'a wrong checksum of a time': [withChunks(png, pngChunk('tIME', Buffer.alloc(7, 1), true))],
    'a gamma of a wrong length': [withChunks(png, pngChunk('gAMA', Buffer.alloc(7)))],
    'a profile that is none': [withChunks(png, iccChunk(Buffer.alloc(5000, 3)))],
  }
  for (const [name, [sent, within = 1]] of Object.entries(kinds)) {
    const { at, reference } = await pixels(await sent)
    assert.deepEqual([reference.width, reference.height], [width, height], name)
    assertNear(at(10, 32), orange, within, name)
    assertNear(at(86, 32), blue, within, name)
  }
  // Ink has no such orange and no such blue: what its profile makes of them, Pillow's ImageCms says too (perceptual intent).
  const profiled = await pixels(
    await plain.clone().toColourspace('cmyk').withIccProfile('cmyk').jpeg({ quality: 98 }).toBuffer(),
  )
  assertNear(profiled.at(10, 32), [202, 117, 21], 3, 'CMYK with a profile')
  assertNear(profiled.at(86, 32), [23, 63, 121], 3, 'CMYK with a profile')
  const press = await pixels(cmyk)
  const withoutMark = await pixels(withoutSegments(inverted, 0xee))
  for (const x of [10, 86]) assertNear(withoutMark.at(x, 32), press.at(x, 32), 5, 'ink without Adobe’s mark')
  const { at } = await pixels(grey16)
  const [light = 0, dark = 0] = [at(10, 32)[0], at(86, 32)[0]]
  assert.ok(light > 120 && light < 160 && dark > 50 && dark < 90, `16-bit grey: ${light}, ${dark}`)
})

test('an embedded profile of up to 8 MB is what its colours are converted by', async () => {
  const converted = (await pixels(withChunks(png, iccChunk(displayP3)))).at(10, 32)
  assertNear(converted, [224, 115, 0], 6, 'Display P3')
  for (const sent of [
    withChunks(png, iccChunk(paddedProfile(displayP3, 7_900_000))),
    withJpegProfile(jpeg, paddedProfile(displayP3, 8_000_000)),
  ]) {
    assertNear((await pixels(sent)).at(10, 32), converted, 3, '8 MB')
  }
})

test('a picture stands as viewers show it: EXIF turns it, XMP does not', async () => {
  const turned = await pixels(await plain.clone().withMetadata({ orientation: 6 }).webp({ lossless: true }).toBuffer())
  assert.deepEqual([turned.reference.width, turned.reference.height], [height, width])
  assertNear(turned.at(32, 10), orange, 1, 'a quarter turn')
  assertNear(turned.at(32, 86), blue, 1, 'a quarter turn')
  const xmp = await plain
    .clone()
    .withXmp(
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>',
    )
    .jpeg()
    .toBuffer()
  assert.deepEqual((await pixels(xmp)).reference.width, width)
})

test('white stands behind see-through pixels, or the colour that is asked for', async () => {
  const black = [0, 0, 0]
  const cutOut = await flat(black, 0)
    .composite([{ input: await flat(orange).resize(40, height).png().toBuffer(), left: 0, top: 0 }])
    .png()
    .toBuffer()
  const half = await flat(black, 0.5).webp({ lossless: true }).toBuffer()
  const grey16 = await sharp(cutOut).toColourspace('rgb16').png().toBuffer()
  for (const [background, right] of [
    [undefined, [255, 255, 255]],
    ['#10c020', [16, 192, 32]],
  ] as const) {
    const options = background === undefined ? {} : { background }
    for (const sent of [cutOut, grey16, await sharp(cutOut).gif().toBuffer()]) {
      const { at } = await pixels(sent, options)
      assertNear(at(10, 10), orange, 4, 'what is opaque')
      assert.deepEqual(at(80, 10), right)
    }
    assertNear(
      (await pixels(half, options)).at(9, 9),
      right.map((value) => value / 2),
      2,
      'half',
    )
  }
})

test('of an animation the first frame is used, and the note of the answer says so', async () => {
  const frames = [orange, blue, orange].map((colour) => flat(colour).png().toBuffer())
  const pages = await Promise.all(frames)
  const joined = sharp(pages, { join: { animated: true } })
  for (const sent of [
    await joined.clone().webp({ lossless: true }).toBuffer(),
    await joined.clone().gif().toBuffer(),
    animatedPng(await flat(orange).png().toBuffer(), await flat(blue).png().toBuffer()),
  ]) {
    const { reference, at } = await pixels(sent)
    assert.deepEqual([reference.width, reference.height], [width, height])
    assertNear(at(10, 10), orange, 4, 'the first frame')
    const note = orderNote({ ...anAcceptedOrder('video_1'), reference })
    assert.equal(note, 'the picture is animated: its first frame is used')
  }
  assert.equal(orderNote({ ...anAcceptedOrder('video_1'), reference: (await pixels(png)).reference }), undefined)
})

test('what is not taken is refused by its name, with what to do', async () => {
  const text = (words: string): Buffer => Buffer.from(words.padEnd(300))
  const box = (brand: string) => Buffer.from(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1${brand}`.padEnd(300, '\0'), 'latin1')
  const strangers: [Buffer, RegExp][] = [
    [box('heic'), /a HEIC picture: save it as JPEG; an iPhone/],
    [await plain.clone().tiff().toBuffer(), /a TIFF picture: save it as PNG/],
    [Buffer.from('BM\xf0\0\0\0'.padEnd(300, '\0'), 'latin1'), /a BMP picture/],
    [text('8BPS\0\x01'), /PSD picture/],
    [Buffer.from('\0\0\0\x0cJXL \r\n\x87\n'.padEnd(300, '\0'), 'latin1'), /JPEG XL/],
    [text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), /an SVG drawing/],
    [text('<!doctype html><title>502 Bad Gateway</title>'), /an HTML page: what was downloaded is not the file/],
    [text('{"error": "expired"}'), /JSON text/],
    [text('%PDF-1.7'), /a PDF document/],
    [Buffer.from('FLV\x01\x05'.padEnd(300, '\0'), 'latin1'), /an FLV video: save it as MP4/],
    [text('just words'), /its bytes are none of these/],
  ]
  for (const [sent, name] of strangers) {
    const why = await refusedReference(sent)
    assert.match(why, name)
    assert.match(why, /must be a PNG, JPEG, WebP, GIF or AVIF picture, or an MP4/)
  }
})

test('broken is what lacks pixels, and nothing else', async () => {
  const noisy = await sharp({
    create: { width, height, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  })
    .png()
    .toBuffer()
  const noisyJpeg = await sharp(noisy).jpeg().toBuffer()
  const wrongHeader = Buffer.concat([png.subarray(0, 29), Buffer.alloc(4), png.subarray(33)])
  for (const sent of [
    ...[noisy.subarray(0, -40), noisy.subarray(0, 3000), wrongHeader],
    ...[noisyJpeg.subarray(0, -40), noisyJpeg.subarray(0, -10), noisyJpeg.subarray(0, 1500)],
  ]) {
    assert.match(
      await refusedReference(sent),
      /^the picture in 'input_reference' cannot be decoded to its end: it is broken or cut off$/,
    )
  }
  await takeReference(noisyJpeg.subarray(0, -2))
})

test('a picture is in memory until it is made, and a large one in the store; either way the ranks’ one is the order’s', async () => {
  const small = await takeReference(png)
  assert.deepEqual(small.stored, [small.reference.key])
  const large = await takeReference(png, { heldBytes: png.length - 1 })
  assert.deepEqual(
    large.stored.sort(),
    [large.reference.key.replace('prepared/', 'input/'), large.reference.key].sort(),
  )
  assert.deepEqual(large.made, small.made)
  assert.equal(large.reference.sha256, small.reference.sha256)
})
