import { createHash } from 'node:crypto'
import type { ObjectStore, Uploaded } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { fileLimits, formatsOf, type KnownFile, knownFile, type RefusedFile } from './file-kinds.js'
import { KeptBytes, peek, withByteLimit } from './file-stream.js'
import type { FilePart } from './collected-parts.js'
import { Problem, unavailable } from '../http/problems.js'

/**
 * An uploaded file, not yet known to be sound. `whole`, where it is small: it need not be read back. Nothing lies under the key of
 * a picture that is here whole: what the ranks read is made of it at once.
 */
export type StoredInput = Omit<Uploaded, 'etag'> & KnownFile & { key: string; whole: Buffer | undefined }

/** A voice of some seconds: two in each of so many uploads at once are no burden. */
const keptBytes = 2 ** 20

export type InputStorage = {
  store: Pick<ObjectStore, 'upload'>
  videoId: string
  /** Up to so many bytes of a picture are kept in memory: of most of them all. Counted for each upload. */
  heldBytes: number
}

/** Takes one file of a form if its first bytes are of a kind that its part takes, and stores it under the video's prefix. */
export function inputStorer({ store, videoId, heldBytes }: InputStorage) {
  return async (part: FilePart, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredInput> => {
    const param = paramOf(part)
    const { head, whole } = await peek(body)
    if (head.length === 0) throw new Problem('invalid_file', `the file in '${param}' is empty`, { param })
    const known = await knownFile(part.kind, head)
    if (known === undefined || 'refused' in known) throw notTaken(part, known)
    const key = keyOf(videoId, part, known.extension)
    let rest = whole
    if (known.kind === 'picture') {
      const held = await peek(whole, heldBytes + 1)
      if (held.head.length <= heldBytes) return { ...known, key, ...heldFile(held.head) }
      rest = held.whole
    }
    const limit = fileLimits[known.kind]
    let tooLarge: Problem | undefined
    const over = (): Problem => {
      tooLarge = new Problem('too_large', `the ${known.kind} in '${param}' is larger than ${limit / 1e6} MB`, { param })
      return tooLarge
    }
    const kept = new KeptBytes(known.kind === 'voice' ? keptBytes : 0)
    try {
      const { bytes, sha256 } = await store.upload(key, kept.passing(withByteLimit(rest, limit, over)), { signal })
      return { bytes, sha256, ...known, key, whole: kept.whole() }
    } catch (error) {
      signal.throwIfAborted()
      throw tooLarge ?? unavailable('the object store', error)
    }
  }
}

function notTaken(part: FilePart, known: RefusedFile | undefined): Problem {
  const param = paramOf(part)
  const found = known?.refused ?? 'its bytes are none of these'
  return new Problem('invalid_file', `the file in '${param}' must be ${formatsOf[part.kind]}; ${found}`, { param })
}

function heldFile(whole: Buffer) {
  return { whole, bytes: whole.length, sha256: createHash('sha256').update(whole).digest('hex') }
}

export function paramOf(part: FilePart): 'input_reference' | 'audio' {
  return part.kind === 'voice' ? 'audio' : 'input_reference'
}

function keyOf(videoId: string, part: FilePart, extension: string): string {
  return part.kind === 'voice'
    ? objectKeys.voice(videoId, part.index, extension)
    : objectKeys.reference(videoId, extension)
}
