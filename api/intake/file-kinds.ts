import { fileTypeFromBuffer } from 'file-type'

const mb = 1_000_000

/** What an uploaded file may be, and how large. Sizes in bytes. */
export const fileLimits = { picture: 50 * mb, video: 500 * mb, voice: 200 * mb } as const
export type FileKind = keyof typeof fileLimits

/** A file's kind, and the extension that its key gets: from this closed list, never from the client. */
export type KnownFile = { kind: FileKind; extension: string }

/** By file-type's word for the first bytes. An MP4 can be a reference or a voice, so the part's name counts too. */
const references = new Map<string, KnownFile>([
  ['png', { kind: 'picture', extension: 'png' }],
  ['jpg', { kind: 'picture', extension: 'jpg' }],
  ['webp', { kind: 'picture', extension: 'webp' }],
  ['mp4', { kind: 'video', extension: 'mp4' }],
  ['m4v', { kind: 'video', extension: 'mp4' }],
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
  reference: 'a PNG, JPEG or WebP picture, or an MP4, MOV, WebM or MKV video',
  voice: 'a WAV, MP3, M4A, AAC, FLAC, OGG or Opus sound',
} as const

/** How many bytes decide what a file is. */
export const sniffBytes = 4096

/** What a file is by its first bytes, for the part it was sent as; undefined when it is nothing that this part takes. */
export async function knownFile(part: 'reference' | 'voice', head: Uint8Array): Promise<KnownFile | undefined> {
  const type = await fileTypeFromBuffer(head)
  return type === undefined ? undefined : (part === 'reference' ? references : voices).get(type.ext)
}
