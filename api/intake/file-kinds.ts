import { fileTypeFromBuffer } from 'file-type'
import { kindName } from './kind-names.js'

const mb = 1_000_000

/** What an uploaded file may be, and how large. Sizes in bytes. */
export const fileLimits = { picture: 50 * mb, video: 500 * mb, voice: 200 * mb } as const
export type FileKind = keyof typeof fileLimits

/** A file's kind, and the extension that its key gets: from this closed list, never from the client. */
export type KnownFile = { kind: FileKind; extension: string }

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
const voices = new Map<string, KnownFile>([
  ['wav', { kind: 'voice', extension: 'wav' }],
  ['mp3', { kind: 'voice', extension: 'mp3' }],
  ['m4a', { kind: 'voice', extension: 'm4a' }],
  // Many encoders write sound-only MP4 under the general brand.
  ['mp4', { kind: 'voice', extension: 'm4a' }],
  ['aac', { kind: 'voice', extension: 'aac' }],
  ['flac', { kind: 'voice', extension: 'flac' }],
  ['ogg', { kind: 'voice', extension: 'ogg' }],
  ['oga', { kind: 'voice', extension: 'ogg' }],
  ['opus', { kind: 'voice', extension: 'ogg' }],
])

/** The formats that each part takes, in words for a refusal. */
export const formatsOf = {
  reference: 'a PNG, JPEG, WebP, GIF or AVIF picture, or an MP4, MOV, WebM, MKV or 3GP video',
  voice: 'a WAV, MP3, M4A, AAC, FLAC, OGG or Opus sound',
} as const

/** How many bytes decide what a file is. */
export const sniffBytes = 4096

/** What a file is by its first bytes, for the part it was sent as; undefined when it is nothing that this part takes. */
export async function knownFile(part: 'reference' | 'voice', head: Uint8Array): Promise<KnownFile | undefined> {
  const extension = await typeOf(head)
  return extension === undefined ? undefined : (part === 'reference' ? references : voices).get(extension)
}

/** What a file that its part does not take is called, and what to do: words for a refusal. */
export async function otherFile(part: 'reference' | 'voice', head: Uint8Array): Promise<string> {
  const { name, advice } = kindName(await typeOf(head), head)
  return `must be ${formatsOf[part]}; ${name === undefined ? 'its bytes are none of these' : `it is ${name}`}${advice}`
}

async function typeOf(head: Uint8Array): Promise<string | undefined> {
  // By its signature alone where what follows it is not all there: a PNG may have a long text before its pixels.
  return (await fileTypeFromBuffer(head))?.ext ?? (isPng(head) ? 'png' : undefined)
}

function isPng(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 8)).toString('latin1') === '\x89PNG\r\n\x1a\n'
}
