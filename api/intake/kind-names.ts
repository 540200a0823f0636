/** What a file that is not taken is, and what its owner can do; `name` is undefined where it is nothing that is known. */
export type KindName = { name: string | undefined; advice: string }

/** With its article, and what to do. */
type Called = readonly [name: string, advice: string]

const asPicture = ': save it as PNG or JPEG'
const asFilm = ': save it as MP4'
const asVoice = ': save it as WAV or MP3'
const unpack = ': send the file that is in it'
const none = ''

/** What is often sent and not taken, by file-type's word for it. */
export const kindNames: ReadonlyMap<string, Called> = new Map<string, Called>([
  [
    'heic',
    ['a HEIC picture', ': save it as JPEG; an iPhone takes JPEGs with Settings > Camera > Formats > Most Compatible'],
  ],
  ['tif', ['a TIFF picture', asPicture]],
  ['bmp', ['a BMP picture', asPicture]],
  ['psd', ['a PSD picture (Photoshop)', asPicture]],
  ['xcf', ['an XCF picture (GIMP)', asPicture]],
  ['ico', ['an ICO picture', asPicture]],
  ['cur', ['a cursor', asPicture]],
  ['icns', ['an ICNS picture', asPicture]],
  ['jxl', ['a JPEG XL picture', asPicture]],
  ['jp2', ['a JPEG 2000 picture', asPicture]],
  ['jpx', ['a JPEG 2000 picture', asPicture]],
  ['jpm', ['a JPEG 2000 picture', asPicture]],
  ['j2c', ['a JPEG 2000 picture', asPicture]],
  ['jxr', ['a JPEG XR picture', asPicture]],
  ['jls', ['a JPEG-LS picture', asPicture]],
  ['bpg', ['a BPG picture', asPicture]],
  ['flif', ['a FLIF picture', asPicture]],
  ['dcm', ['a DICOM picture', asPicture]],
  ['svg', ['an SVG drawing', asPicture]],
  ['eps', ['an EPS drawing', asPicture]],
  ['ps', ['a PostScript document', asPicture]],
  ['pdf', ['a PDF document', asPicture]],
  ...['arw', 'cr2', 'cr3', 'dng', 'nef', 'orf', 'raf', 'rw2'].map((raw): [string, Called] => [
    raw,
    ['a camera raw picture', asPicture],
  ]),
  ['png', ['a PNG picture', none]],
  ['apng', ['a PNG picture', none]],
  ['jpg', ['a JPEG picture', none]],
  ['webp', ['a WebP picture', none]],
  ['gif', ['a GIF picture', none]],
  ['avif', ['an AVIF picture', none]],
  ['avi', ['an AVI video', asFilm]],
  ['flv', ['an FLV video', asFilm]],
  ['mts', ['an MPEG-TS video', asFilm]],
  ['mpg', ['an MPEG video', asFilm]],
  ['asf', ['a Windows Media file (WMV or WMA)', ': save it as MP4, or a sound as WAV or MP3']],
  ['ogv', ['an Ogg video', asFilm]],
  ['ogm', ['an Ogg video', asFilm]],
  ['mxf', ['an MXF video', asFilm]],
  ['rm', ['a RealMedia file', asFilm]],
  ['swf', ['a Flash film', asFilm]],
  ['mj2', ['a Motion JPEG 2000 video', asFilm]],
  ['mov', ['a MOV video', none]],
  ['mp4', ['an MP4 file', none]],
  ['m4v', ['an M4V video', none]],
  ['webm', ['a WebM file', none]],
  ['mkv', ['an MKV file', none]],
  ['f4v', ['an F4V video', none]],
  ['3gp', ['a 3GP file', none]],
  ['3g2', ['a 3G2 file', none]],
  ['wav', ['a WAV sound', none]],
  ['mp3', ['an MP3 sound', none]],
  ['m4a', ['an M4A sound', none]],
  ['m4b', ['an M4B sound', none]],
  ['aac', ['an AAC sound', none]],
  ['flac', ['a FLAC sound', none]],
  ['ogg', ['an Ogg sound', none]],
  ['oga', ['an Ogg sound', none]],
  ['opus', ['an Opus sound', none]],
  ['amr', ['an AMR sound', asVoice]],
  ['aif', ['an AIFF sound', asVoice]],
  ['ape', ["a Monkey's Audio sound", asVoice]],
  ['wv', ['a WavPack sound', asVoice]],
  ['ac3', ['an AC-3 sound', asVoice]],
  ['dsf', ['a DSF sound', asVoice]],
  ['spx', ['a Speex sound', asVoice]],
  ['mid', ['a MIDI file, which holds notes and no sound', asVoice]],
  ['zip', ['a ZIP archive', unpack]],
  ['gz', ['a gzip archive', unpack]],
  ['7z', ['a 7z archive', unpack]],
  ['rar', ['a RAR archive', unpack]],
  ['tar', ['a tar archive', unpack]],
])

/** Text that file-type does not know: an error page that was saved as a picture, say. */
const texts: readonly (readonly [pattern: RegExp, ...Called])[] = [
  [/<svg[\s>]/i, 'an SVG drawing', asPicture],
  [/^\s*(<!doctype html|<html|<head|<body)/i, 'an HTML page', ': what was downloaded is not the file'],
  [/^\s*\{\s*"|^\s*\[\s*[{"[]/, 'JSON text', ': what was downloaded is not the file'],
  [/^\s*data:(image|video|audio)\//i, 'a data: URL', ': send the bytes that it holds'],
  [/^\s*https?:\/\//i, 'a web address', ': send the file that lies there'],
  [/^\s*#EXTM3U/, 'an HLS playlist', ': send the film itself'],
]

/** What a file is by file-type's word for it and its first bytes. */
export function kindName(type: string | undefined, head: Uint8Array): KindName {
  const text = Buffer.from(head).toString('latin1')
  const [, ...ofText] = texts.find(([pattern]) => pattern.test(text)) ?? []
  const [name, advice = none] = kindNames.get(type ?? '') ?? ofText
  return { name, advice }
}
