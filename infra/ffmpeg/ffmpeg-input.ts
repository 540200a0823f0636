/**
 * What ffmpeg may open, decode and fetch. Everything else is refused: the decoders with known holes are those that
 * nobody needs, and playlists (HLS, DASH, concat, SVG) disguised as a picture would make it fetch what their author names.
 */

export type InputKind = 'audio' | 'picture' | 'video' | 'any'

const containers = ['mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2', 'matroska', 'webm']

// `image2` stays out: it expands patterns in names.
const formats = {
  audio: [...containers, 'wav', 'mp3', 'flac', 'ogg', 'aac', 'aiff', 'caf'],
  picture: ['png_pipe', 'jpeg_pipe', 'webp_pipe'],
  video: containers,
}

/** What WAV, AIFF, CAF and QuickTime hold as it is, and telephones' G.711. */
const pcm = 'u8 s8 s16le s16be s24le s24be s32le s32be f32le f32be f64le f64be alaw mulaw'
const adpcm = ['adpcm_ms', 'adpcm_ima_wav', 'adpcm_ima_qt']

const codecs = {
  audio: [
    ...'aac mp3 mp3float mp2 mp2float opus libopus vorbis flac alac'.split(' '),
    ...pcm.split(' ').map((name) => `pcm_${name}`),
    ...adpcm,
  ],
  picture: 'mjpeg,png,webp'.split(','),
  // libvpx decodes what ffmpeg's own VP8 and VP9 leave out: alpha.
  video: 'h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg4,prores,mjpeg'.split(','),
}

/** Above this a small file unpacks to gigabytes (16k × 16k of one bit: 31 kB). */
const maxPixels = 40_000_000

/** A store that sends nothing for so long is away; without a limit ffmpeg waits for ever. */
const silenceMs = 20_000

/**
 * The options of one input, `-i` and the source included. `source` is an absolute path, or a URL that we presigned;
 * whatever a client sent lies in what it points at, never in the source itself.
 */
export function safeInput(source: string, kind: InputKind): string[] {
  return [
    ...['-protocol_whitelist', protocols(source)],
    ...(source.startsWith('/') ? [] : ['-rw_timeout', String(silenceMs * 1000)]),
    ...['-format_whitelist', allowed(formats, kind).join(',')],
    // A picture may ride in a sound file (its cover) and sound in a video: the codecs do not depend on the kind.
    ...['-codec_whitelist', allowed(codecs, 'any').join(',')],
    ...['-max_pixels', String(maxPixels)],
    ...(isJpegName(source) ? ['-f', 'jpeg_pipe'] : []),
    ...['-i', source.startsWith('/') ? `file:${source}` : source],
  ]
}

/** By a name that ends so ffmpeg takes `image2`, whatever the content: the one format that must be told. */
function isJpegName(source: string): boolean {
  return /\.jpe?g($|\?)/i.test(source)
}

function protocols(source: string): string {
  if (source.startsWith('/')) return 'file'
  if (source.startsWith('http://')) return 'http,tcp'
  if (source.startsWith('https://')) return 'https,tls,tcp'
  throw new TypeError('an input is an absolute path or an http(s) URL')
}

function allowed<N extends string>(lists: Record<Exclude<InputKind, 'any'>, N[]>, kind: InputKind): N[] {
  return kind === 'any' ? [...new Set(Object.values(lists).flat() as N[])] : lists[kind]
}
