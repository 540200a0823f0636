import { fileTypeFromBuffer } from 'file-type'
import { wavFormat } from '../../infra/sound/wav-format.js'
import { kindName } from './kind-names.js'
import { sniffVoice } from './sniff-voice.js'
import { convert, decodedWavCodings, refusedWavCodings, takenVoices, voiceKinds } from './voice-kinds.js'

const mb = 1_000_000

/** What an uploaded file may be, and how large. Sizes in bytes. */
export const fileLimits = { picture: 50 * mb, video: 500 * mb, voice: 200 * mb } as const
export type FileKind = keyof typeof fileLimits

/** A file's kind, and the extension that its key gets: from this closed list, never from the client. */
export type KnownFile = { kind: FileKind; extension: string }

/** A file that is known and that its part does not take: what it is and what to do, in words for the refusal. */
export type RefusedFile = { refused: string }

/** What file-type calls each kind by its first bytes. An MP4 can be a reference or a voice, so the part's name counts too. */
export const references: ReadonlyMap<string, KnownFile> = new Map([
  ['png', { kind: 'picture', extension: 'png' }],
  ['apng', { kind: 'picture', extension: 'png' }],
  ['jpg', { kind: 'picture', extension: 'jpg' }],
  ['webp', { kind: 'picture', extension: 'webp' }],
  ['gif', { kind: 'picture', extension: 'gif' }],
  ['avif', { kind: 'picture', extension: 'avif' }],
  ['mp4', { kind: 'video', extension: 'mp4' }],
  ['m4v', { kind: 'video', extension: 'mp4' }],
  ['f4v', { kind: 'video', extension: 'mp4' }],
  ['3gp', { kind: 'video', extension: 'mp4' }],
  ['3g2', { kind: 'video', extension: 'mp4' }],
  ['mov', { kind: 'video', extension: 'mov' }],
  ['webm', { kind: 'video', extension: 'webm' }],
  ['mkv', { kind: 'video', extension: 'mkv' }],
])

/** The formats that each part takes, in words for a refusal. */
export const formatsOf = {
  reference: 'a PNG, JPEG, WebP, GIF or AVIF picture, or an MP4, MOV, WebM, MKV or 3GP video',
  voice: `a sound: ${takenVoices.slice(0, -1).join(', ')} or ${takenVoices.at(-1)}`,
} as const

/** How many bytes decide what a file is: room for tags and junk in front. */
export const sniffBytes = 16_384

/** What a file is by its first bytes, for the part it was sent as; undefined when it is nothing known. */
export function knownFile(part: 'reference' | 'voice', head: Uint8Array): Promise<KnownFile | RefusedFile | undefined> {
  return part === 'voice' ? knownVoice(Buffer.from(head.buffer, head.byteOffset, head.length)) : knownReference(head)
}

async function knownReference(head: Uint8Array): Promise<KnownFile | RefusedFile | undefined> {
  // By its signature alone where what follows it is not all there: a PNG may have a long text before its pixels.
  const type = (await fileTypeFromBuffer(head))?.ext ?? (isPng(head) ? 'png' : undefined)
  const known = references.get(type ?? '')
  if (known !== undefined) return known
  const { name, advice } = kindName(type, head)
  return name === undefined ? undefined : { refused: `it is ${name}${advice}` }
}

function isPng(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 8)).toString('latin1') === '\x89PNG\r\n\x1a\n'
}

async function knownVoice(head: Buffer): Promise<KnownFile | RefusedFile | undefined> {
  const word = await sniffVoice(head)
  const kind = voiceKinds.find(({ sniff }) => word !== undefined && sniff.includes(word))
  if (kind === undefined) return undefined
  if (kind.extension === undefined) return refusedVoice(kind.name, kind.advice)
  const coding = kind.extension === 'wav' ? refusedCoding(head) : undefined
  return coding ?? { kind: 'voice', extension: kind.extension }
}

/** A WAV can hold anything: its header says what, mostly within the first bytes. */
function refusedCoding(head: Buffer): RefusedFile | undefined {
  const at = head.indexOf('fmt ', 0, 'latin1')
  const format = at < 0 ? undefined : wavFormat(head.subarray(at + 8))
  if (format === undefined || !('tag' in format) || decodedWavCodings.has(format.tag)) return undefined
  return refusedVoice(`WAV with ${refusedWavCodings.get(format.tag) ?? `coding 0x${format.tag.toString(16)}`}`)
}

function refusedVoice(name: string, advice = convert): RefusedFile {
  return { refused: `it is ${name}, which is not taken; ${advice}` }
}
