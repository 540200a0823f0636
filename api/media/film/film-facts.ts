import { type InputVideoTrack, MATROSKA, MP4, QTFF, WEBM } from 'mediabunny'
import type { HdrTransfer } from '../../../infra/ffmpeg/film-filters.js'
import type { FileBytes } from '../../../infra/sound/file-bytes.js'
import type { Film } from '../../../workflows/order.js'
import { openContainer } from '../stored-container.js'

/** What a film's container says of its first picture track; `track` is undefined where it has none. */
export type FilmFacts = { seconds: number | undefined; track: FilmTrack | undefined }

export type FilmTrack = {
  codedPixels: number
  /** In words, where it is no codec of ours. */
  otherCodec: string | undefined
  hdr: HdrTransfer | undefined
  seeThrough: Film['seeThrough']
}

/**
 * What the demuxer makes of a film; undefined where it cannot read the container. Only for a thread that can be ended
 * (`film-facts-in-thread.ts`): a harmed Matroska can hold the demuxer for ever.
 */
export async function readFilmFacts(file: FileBytes): Promise<FilmFacts | undefined> {
  using input = openContainer(file, [MP4, QTFF, WEBM, MATROSKA])
  try {
    const [track] = await input.getVideoTracks()
    const seconds = (await input.getDurationFromMetadata()) ?? undefined
    return { seconds, track: track && (await trackFacts(track)) }
  } catch {
    return undefined
  }
}

async function trackFacts(track: InputVideoTrack): Promise<FilmTrack> {
  const [codec, id, width, height] = await Promise.all([
    track.getCodec(),
    track.getInternalCodecId(),
    track.getCodedWidth(),
    track.getCodedHeight(),
  ])
  const { transfer } = await track.getColorSpace()
  return {
    codedPixels: width * height,
    otherCodec: codec === null ? otherCodec(id) : undefined,
    hdr: transfer === 'pq' || transfer === 'hlg' ? transfer : undefined,
    seeThrough: (await track.canBeTransparent()) ? seenBy(codec) : undefined,
  }
}

function seenBy(codec: string | null): Film['seeThrough'] {
  return codec === 'vp8' ? 'libvpx' : codec === 'vp9' ? 'libvpx-vp9' : 'native'
}

/** What ffmpeg's allow-list takes, in words. */
export const takenCodecsInWords = 'H.264, H.265, VP8, VP9, AV1, MPEG-4, ProRes and Motion JPEG'

/** Codecs of pictures that are not taken, by what MP4, MOV and Matroska call them. */
export const otherCodecs: readonly (readonly [id: RegExp, name: string])[] = [
  [/^apr[nh]$/, 'ProRes RAW'],
  [/^av(dn|dh|1x)$/i, 'DNxHD'],
  [/^cfhd$/i, 'CineForm'],
  [/^(rle |qtrle)$/, 'QuickTime Animation'],
  [/^dv|^AVd[v1]/, 'DV'],
  [/^svq[13]$/i, 'Sorenson Video'],
  [/^([sh]263|H263)$/i, 'H.263'],
  [/^(m1v1|mp1v|V_MPEG1)$/, 'MPEG-1'],
  [/^(m2v1|mp2v|mx\dn|hdv\d|xd\w\w|V_MPEG2)$/, 'MPEG-2'],
  [/^(vc-1|wvc1|wmv\d)$/i, 'VC-1'],
  [/^(vvc1|vvi1)$/, 'H.266'],
  [/^hap/i, 'Hap'],
  [/^(png |mpng|tiff|gif |raw |yuv2|2vuy|v210|V_UNCOMPRESSED)$/i, 'uncompressed pictures'],
  [/^V_THEORA$/, 'Theora'],
  [/^V_REAL/, 'RealVideo'],
  [/^V_MS/, 'a Windows codec'],
]

/** What ffmpeg may decode though the demuxer does not know it. */
const takenCodecs = /^(jpeg|mjp[ab]|mjpg|dmb1|mp4v|xvid|divx|V_MJPEG|V_MPEG4\/.*)$/i

function otherCodec(id: unknown): string | undefined {
  if (typeof id !== 'string') return 'a codec that is not known here'
  if (takenCodecs.test(id)) return undefined
  return otherCodecs.find(([pattern]) => pattern.test(id))?.[1] ?? `'${id.replace(/[^\w /.-]/g, '?').slice(0, 20)}'`
}
