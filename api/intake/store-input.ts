import type { ObjectStore, Uploaded } from '../../infra/s3/object-store.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { fileLimits, formatsOf, type KnownFile, knownFile, type RefusedFile } from './file-kinds.js'
import { KeptBytes, peek, withByteLimit } from './file-stream.js'
import type { FilePart } from './collected-parts.js'
import { Problem, unavailable } from '../http/problems.js'

/** An uploaded file in S3, not yet known to be sound; `whole`, where it is small: it need not be read back. */
export type StoredInput = Uploaded & KnownFile & { key: string; whole: Buffer | undefined }

/** A voice of some seconds, a usual picture: three in each of so many uploads at once are no burden. */
const keptBytes = 2 ** 20

/** Stores one file of a form under the video's prefix, if its first bytes are of a kind that its part takes. */
export function inputStorer(store: Pick<ObjectStore, 'upload'>, videoId: string) {
  return async (part: FilePart, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredInput> => {
    const param = paramOf(part)
    const { head, whole } = await peek(body)
    const kept = new KeptBytes(keptBytes)
    if (head.length === 0) throw new Problem('invalid_file', `the file in '${param}' is empty`, { param })
    const known = await knownFile(part.kind, head)
    if (known === undefined || 'refused' in known) throw notTaken(part, known)
    const limit = fileLimits[known.kind]
    let tooLarge: Problem | undefined
    const over = (): Problem => {
      tooLarge = new Problem('too_large', `the ${known.kind} in '${param}' is larger than ${limit / 1e6} MB`, { param })
      return tooLarge
    }
    const key = keyOf(videoId, part, known.extension)
    try {
      const uploaded = await store.upload(key, kept.passing(withByteLimit(whole, limit, over)), { signal })
      return { ...uploaded, ...known, key, whole: kept.whole() }
    } catch (error) {
      signal.throwIfAborted()
      throw tooLarge ?? unavailable('the object store', error)
    }
  }
}

function notTaken(part: FilePart, known: RefusedFile | undefined): Problem {
  const param = paramOf(part)
  const what = `the file in '${param}' must be ${formatsOf[part.kind]}`
  const found = known ? `it is ${known.refused}, which is not taken; ${known.advice}` : 'its bytes are none of these'
  return new Problem('invalid_file', `${what}; ${found}`, { param })
}

export function paramOf(part: FilePart): 'input_reference' | 'audio' {
  return part.kind === 'voice' ? 'audio' : 'input_reference'
}

function keyOf(videoId: string, part: FilePart, extension: string): string {
  return part.kind === 'voice'
    ? objectKeys.voice(videoId, part.index, extension)
    : objectKeys.reference(videoId, extension)
}
