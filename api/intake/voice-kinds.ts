/**
 * The kinds of file that a voice may be, and those that are known and not taken: the one list that the service decides by and that
 * `docs/inputs.md` is held to. `sniff`: by which words of `sniffVoice` a kind is known.
 */
export type VoiceKind = {
  name: string
  sniff: readonly string[]
  /** The extension that its key gets; none where it is refused. */
  extension?: string
  /** What of it is taken, or what it is. */
  remark: string
  /** What its sender can do, where converting it would be no help. */
  advice?: string
}

export const convert = 'convert it, for example with: ffmpeg -i FILE voice.wav'

export const voiceKinds: readonly VoiceKind[] = [
  {
    name: 'WAV',
    sniff: ['wav', 'rf64', 'rifx'],
    extension: 'wav',
    remark: 'also RF64, BW64 and RIFX; PCM of 8 to 32 bit, float of 32 and 64 bit, G.711, ADPCM (Microsoft, IMA), MP3',
  },
  { name: 'MP3', sniff: ['mp3', 'mp2'], extension: 'mp3', remark: 'MPEG 1, 2 and 2.5; also MP2' },
  {
    name: 'M4A',
    sniff: ['m4a', 'm4b', 'f4a', 'f4b'],
    extension: 'm4a',
    remark: 'AAC, Apple Lossless; also audio books (M4B)',
  },
  { name: 'AAC', sniff: ['aac'], extension: 'aac', remark: 'ADTS' },
  { name: 'FLAC', sniff: ['flac'], extension: 'flac', remark: '' },
  { name: 'Ogg', sniff: ['ogg', 'oga', 'opus', 'ogv', 'ogx', 'ogm'], extension: 'ogg', remark: 'Opus, Vorbis, FLAC' },
  { name: 'WebM', sniff: ['webm'], extension: 'webm', remark: 'Opus, Vorbis: what browsers record' },
  { name: 'AIFF', sniff: ['aif'], extension: 'aiff', remark: 'also AIFF-C: PCM, float, G.711, IMA ADPCM' },
  { name: 'CAF', sniff: ['caf'], extension: 'caf', remark: 'PCM, AAC, Apple Lossless, Opus, G.711, IMA ADPCM' },
  { name: 'MP4', sniff: ['mp4', 'm4v'], extension: 'm4a', remark: 'the first sound track of a film' },
  { name: 'MOV', sniff: ['mov'], extension: 'mov', remark: 'the first sound track of a film' },
  { name: '3GP', sniff: ['3gp', '3g2'], extension: '3gp', remark: 'with AAC; AMR is refused' },
  { name: 'Matroska', sniff: ['mkv'], extension: 'mkv', remark: 'MKA, and the first sound track of an MKV film' },

  { name: 'AMR', sniff: ['amr'], remark: 'telephones; also inside 3GP' },
  { name: 'WMA', sniff: ['asf'], remark: 'Windows Media' },
  { name: 'MIDI', sniff: ['mid'], remark: 'notes, not sound', advice: 'send what it sounds like, as WAV or MP3' },
  {
    name: 'protected M4P',
    sniff: ['m4p', 'f4p'],
    remark: 'a purchase that only its owner’s programs can open',
    advice: 'send a copy without protection',
  },
  { name: 'Sony Wave64', sniff: ['w64'], remark: '' },
  { name: 'SILK', sniff: ['silk'], remark: 'WeChat voice messages' },
  { name: 'Speex', sniff: ['spx'], remark: '' },
  { name: 'Sun AU', sniff: ['au'], remark: '' },
  { name: 'Creative VOC', sniff: ['voc'], remark: '' },
  { name: "Monkey's Audio (APE)", sniff: ['ape'], remark: '' },
  { name: 'WavPack', sniff: ['wv'], remark: '' },
  { name: 'Musepack', sniff: ['mpc'], remark: '' },
  { name: 'True Audio (TTA)', sniff: ['tta'], remark: '' },
  { name: 'DSD', sniff: ['dsf', 'dff'], remark: 'DSF and DFF' },
  { name: 'RealAudio', sniff: ['ra'], remark: '' },
  { name: 'QCELP', sniff: ['qcp'], remark: '' },
  { name: 'Dolby Digital (AC-3)', sniff: ['ac3'], remark: 'also inside films' },
  { name: 'DTS', sniff: ['dts'], remark: 'also inside films' },
  { name: 'MP1', sniff: ['mp1'], remark: 'MPEG layer I' },
  { name: 'AVI', sniff: ['avi'], remark: 'a film' },
  { name: 'FLV', sniff: ['flv'], remark: 'a film' },
  { name: 'MPEG transport stream', sniff: ['mts'], remark: 'a film' },
  { name: 'MPEG programme stream', sniff: ['mpg'], remark: 'a film' },
  { name: 'tracker music', sniff: ['it', 'xm', 's3m'], remark: 'IT, XM, S3M' },
  {
    name: 'HTML',
    sniff: ['html'],
    remark: 'a web page, often an error page in place of a download',
    advice: 'send the sound itself',
  },
  {
    name: 'JSON',
    sniff: ['json'],
    remark: 'text, often an error in place of a download',
    advice: 'send the sound itself',
  },
  { name: 'XML', sniff: ['xml'], remark: 'text', advice: 'send the sound itself' },
  { name: 'PDF', sniff: ['pdf'], remark: 'a document', advice: 'send the sound itself' },
  { name: 'ZIP', sniff: ['zip'], remark: 'an archive: send what is in it', advice: 'send the sound itself' },
  {
    name: 'a picture',
    sniff: ['png', 'jpg', 'webp', 'gif', 'heic', 'avif', 'bmp', 'tif'],
    remark: 'belongs into input_reference',
    advice: 'send the sound itself',
  },
]

/** Codings inside a WAV, by their number in its header, that are refused by their name. What is in neither list is "coding 0x…". */
export const refusedWavCodings: ReadonlyMap<number, string> = new Map([
  [0x000a, 'Windows Media Voice'],
  [0x0022, 'TrueSpeech'],
  [0x0028, 'LRC'],
  [0x0031, 'GSM 6.10'],
  [0x0040, 'G.721'],
  [0x0042, 'G.723.1'],
  [0x0045, 'G.726'],
  [0x0064, 'G.726'],
  [0x0065, 'G.722'],
  [0x0083, 'G.729'],
  [0x0160, 'WMA'],
  [0x0161, 'WMA'],
  [0x0162, 'WMA Professional'],
  [0x0163, 'WMA Lossless'],
  [0x0270, 'ATRAC3'],
  [0x2000, 'AC-3'],
  [0x2001, 'DTS'],
  [0x674f, 'Vorbis'],
  [0xa109, 'Speex'],
  [0xf1ac, 'FLAC'],
])

/** Codings inside a WAV that are taken, beside what `infra/sound` reads itself: ADPCM (Microsoft, IMA), MPEG layers. */
export const decodedWavCodings: ReadonlySet<number> = new Set([0x02, 0x11, 0x50, 0x55])

/** Codings inside other containers that are refused, by the name that ffmpeg gives their decoder. */
export const refusedCodings: ReadonlyMap<string, string> = new Map([
  ['amrnb', 'AMR'],
  ['amrwb', 'AMR-WB'],
  ['amr_nb', 'AMR'],
  ['amr_wb', 'AMR-WB'],
  ['ac3', 'Dolby Digital (AC-3)'],
  ['eac3', 'Dolby Digital Plus (E-AC-3)'],
  ['ac4', 'Dolby AC-4'],
  ['truehd', 'Dolby TrueHD'],
  ['dca', 'DTS'],
  ['speex', 'Speex'],
  ['libspeex', 'Speex'],
  ['gsm', 'GSM'],
  ['gsm_ms', 'GSM 6.10'],
  ['qdm2', 'QDesign Music'],
  ['qdmc', 'QDesign Music'],
  ['mace3', 'MACE'],
  ['mace6', 'MACE'],
  ['qcelp', 'QCELP'],
  ['evrc', 'EVRC'],
  ['wmav1', 'WMA'],
  ['wmav2', 'WMA'],
  ['wmapro', 'WMA Professional'],
  ['wmalossless', 'WMA Lossless'],
  ['mp1float', 'MP1'],
  ['mp3on4float', 'MP3-on-MP4'],
  ['mp4als', 'MPEG-4 ALS'],
  ['apac', 'Apple Positional Audio'],
  ['wavpack', 'WavPack'],
  ['tta', 'True Audio (TTA)'],
  ['atrac3', 'ATRAC3'],
  ['g722', 'G.722'],
  ['g726', 'G.726'],
  ['ilbc', 'iLBC'],
])

/** The kinds that are taken, in words for a refusal. */
export const takenVoices = voiceKinds.flatMap(({ name, extension }) => (extension === undefined ? [] : [name]))
