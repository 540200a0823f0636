import { fileTypeFromBuffer } from 'file-type'

/** Kinds that file-type does not know by their first bytes, or takes for another. */
const starts: readonly [string, RegExp][] = [
  ['rf64', /^(RF64|BW64)....WAVE/s],
  ['rifx', /^RIFX....WAVE/s],
  ['w64', /^riff\x2e\x91\xcf\x11/],
  ['caf', /^caff\0/],
  ['silk', /^\x02?#!SILK/],
  ['au', /^\.snd/],
  ['dff', /^FRM8/],
  ['tta', /^TTA\d/],
  ['ra', /^\.(RMF|ra\xfd)/],
  ['dts', /^\x7f\xfe\x80\x01/],
]

/** Text in place of a sound; or in front of one, as where a proxy's words came before it. */
const texts: readonly [string, RegExp][] = [
  ['html', /^\s*<(!doctype\s+html|html|head|body)\b/i],
  ['json', /^\s*[{[]\s*["{[\]}]/],
]

/**
 * What a sound file is by its first bytes, in file-type's words and some of our own. Tags and zeros in front are passed over: players
 * do the same. Undefined when it is nothing known.
 */
export async function sniffVoice(head: Buffer): Promise<string | undefined> {
  const start = soundStart(head)
  const sound = head.subarray(start)
  // What follows a tag that is longer than what is seen: by far most are MP3s with a picture, and ffmpeg looks for itself.
  if (sound.length === 0) return start === 0 || isZeros(head) ? undefined : 'mp3'
  const text = sound.toString('latin1', 0, 512)
  const own = starts.find(([, pattern]) => pattern.test(text))?.[0]
  if (own !== undefined) return own
  const type = (await fileTypeFromBuffer(sound))?.ext
  if (type !== undefined && type !== 'xml') return type
  if (/(RIFF|RF64|BW64)....WAVE/s.test(sound.toString('latin1'))) return 'wav'
  if (beginsInMpeg(sound)) return 'mp3'
  return texts.find(([, pattern]) => pattern.test(text))?.[0] ?? type
}

/** Fewer stand in front of an MP4 or an MPEG film, as part of a length. */
const leastZeros = 8

const isZeros = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

/** Behind ID3v2 and APEv2 tags and zeros, as many as there are; the length of `head` where they go on. */
function soundStart(head: Buffer): number {
  let at = 0
  for (;;) {
    const before = at
    const word = head.toString('latin1', at, at + 8)
    if (/^ID3[\x02-\x04]/.test(word) && at + 10 <= head.length) at += 10 + synchsafe(head, at + 6)
    // Its length leaves out its header.
    else if (word === 'APETAGEX' && at + 16 <= head.length) at += 32 + head.readUInt32LE(at + 12)
    else if (isZeros(head.subarray(at, at + leastZeros))) while (head[at] === 0) at += 1
    if (at === before || at >= head.length) return Math.min(at, head.length)
  }
}

/** Four times seven bits. */
function synchsafe(head: Buffer, at: number): number {
  return head.subarray(at, at + 4).reduce((sum, byte) => sum * 128 + (byte & 127), 0)
}

const bitRates = {
  1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const
const sampleRates = [44_100, 48_000, 32_000]

/** Whether MPEG layer III begins somewhere in it: two frames, one right behind the other. */
function beginsInMpeg(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const length = frameLength(bytes, at)
    if (length !== undefined && frameLength(bytes, at + length) !== undefined) return true
  }
  return false
}

/** Bytes of the MPEG layer III frame whose head is here; undefined where none is. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  if (at + 4 > bytes.length) return undefined
  const head = bytes.readUInt32BE(at)
  const version = (head >>> 19) & 3 // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
  const layer = (head >>> 17) & 3 // 1: layer III
  const kbits = bitRates[version === 3 ? 1 : 2][(head >>> 12) & 15] ?? 0
  const base = sampleRates[(head >>> 10) & 3]
  if (head >>> 21 !== 0x7ff || version === 1 || layer !== 1 || kbits === 0 || base === undefined) return undefined
  const rate = base / (version === 3 ? 1 : version === 2 ? 2 : 4)
  return Math.floor(((version === 3 ? 144_000 : 72_000) * kbits) / rate) + ((head >>> 9) & 1)
}
