/** Output sizes [height, width] by the ratio height / width (those of the published InfiniteTalk; every side is a multiple of 64). */
const bucketTables = {
  '480p': {
    '0.26': [320, 1216],
    '0.38': [384, 1024],
    '0.50': [448, 896],
    '0.67': [512, 768],
    '0.82': [576, 704],
    '1.00': [640, 640],
    '1.22': [704, 576],
    '1.50': [768, 512],
    '1.86': [832, 448],
    '2.00': [896, 448],
    '2.50': [960, 384],
    '2.83': [1088, 384],
    '3.60': [1152, 320],
    '3.80': [1216, 320],
    '4.00': [1280, 320],
  },
  '720p': {
    '0.22': [448, 2048],
    '0.29': [512, 1792],
    '0.36': [576, 1600],
    '0.45': [640, 1408],
    '0.55': [704, 1280],
    '0.63': [768, 1216],
    '0.76': [832, 1088],
    '0.88': [896, 1024],
    '1.00': [960, 960],
    '1.14': [1024, 896],
    '1.31': [1088, 832],
    '1.50': [1152, 768],
    '1.58': [1216, 768],
    '1.82': [1280, 704],
    '1.91': [1344, 704],
    '2.20': [1408, 640],
    '2.30': [1472, 640],
    '2.67': [1536, 576],
    '2.89': [1664, 576],
    '3.62': [1856, 512],
    '3.75': [1920, 512],
  },
} as const satisfies Record<string, Record<string, readonly [number, number]>>

export type SizeClass = keyof typeof bucketTables
export type Size = { width: number; height: number }

/** The bucket whose key is nearest to height / width; the first one on a tie. */
export function bucketFor(sizeClass: SizeClass, { width, height }: Size): Size {
  const ratio = height / width
  const nearest = Object.entries(bucketTables[sizeClass])
    .sort(([a], [b]) => Number(a) - Number(b))
    .reduce((best, entry) => (Math.abs(Number(entry[0]) - ratio) < Math.abs(Number(best[0]) - ratio) ? entry : best))
  const [bucketHeight, bucketWidth] = nearest[1]
  return { width: bucketWidth, height: bucketHeight }
}

/** A size asked for as WxH is served by the class nearest in area, in the bucket nearest in shape. */
export function bucketNearest(size: Size): Size {
  const area = size.width * size.height
  // 480p buckets hold 370–410 thousand pixels, 720p ones 850–990 thousand; the border is their geometric mean.
  return bucketFor(area < 600_000 ? '480p' : '720p', size)
}
