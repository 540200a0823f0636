import type { ObjectStore } from '../../infra/s3/object-store.js'
import { z } from 'zod'
import { readStored, writeStored } from '../../infra/files/stored-format.js'
import { Problem, OutcomeUnknown, unavailable } from '../http/problems.js'
import { within } from '../http/within.js'

/** Who asked for what, and which video that is: a small object in S3 that only one of many at once can create. */
export type Claim = z.infer<typeof claimSchema>
/** The number of its shape as it is stored. */
const claimFormat = 1
const claimSchema = z.object({ videoId: z.string(), digest: z.string(), at: z.number() })

type Store = Pick<ObjectStore, 'create' | 'replace' | 'put' | 'get'>
type Found = { claim: Claim; etag: string }

/** The outcome of claiming: this request is the one, or the one before it is (`T` is what `seek` found of it). */
export type Claimed<T> = { kind: 'own' } | { kind: 'earlier'; found: T }

/** Looks for the video of a claim, and has it started if it never was; undefined when it is gone. */
export type Seek<T> = (claim: Claim) => Promise<T | undefined>

const callMs = 4_000
/** Each round is lost to another request that won it; more than a few need a client that deletes as fast as it orders. */
const rounds = 10
/** For so long a retry that an SDK marks as one, and only as that, is taken for a repetition. */
const retryWindowMs = 600_000

/**
 * Claims a key for a video. Rejects with `idempotency_conflict` if the key stands for another request, and with
 * `OutcomeUnknown` if the claim may or may not be in S3: it may then be found by a repetition, and so must all that it names.
 */
export async function claimKey<T>(store: Store, key: string, own: Claim, seek: Seek<T>): Promise<Claimed<T>> {
  const body = writeStored(claimFormat, own)
  const isOwn = (found: Found | undefined): boolean => found?.claim.videoId === own.videoId
  if (await undecided(() => store.create(key, body, json))) return { kind: 'own' }
  for (let round = 0; round < rounds; round++) {
    // It may be our own, if S3's answer to it was lost and it was sent again.
    const found = await undecided(() => readClaim(store, key))
    if (isOwn(found)) return { kind: 'own' }
    if (found === undefined) {
      if (await undecided(() => store.create(key, body, json))) return { kind: 'own' }
      continue
    }
    if (found.claim.digest !== own.digest) throw conflict()
    const earlier = await seek(found.claim)
    if (earlier !== undefined) return { kind: 'earlier', found: earlier }
    if (await undecided(() => store.replace(key, body, found.etag, json))) return { kind: 'own' }
  }
  throw unavailable('the object store', new Error(`the claim ${key} changes all the time`))
}

/**
 * The same for a request with an SDK's mark and no key. A first try is always an order of its own, and leaves word of itself to
 * its retries; a retry is a repetition if there is word of not long ago. `key` holds the digest, so the request is the same.
 */
export async function claimRetry<T>(
  store: Store,
  key: string,
  { own, retry }: { own: Claim; retry: number },
  seek: Seek<T>,
): Promise<Claimed<T>> {
  const earlier = await findRetried(store, key, { own, retry }, seek)
  if (earlier !== undefined) return { kind: 'earlier', found: earlier }
  await undecided(() => store.put(key, writeStored(claimFormat, own), json))
  return { kind: 'own' }
}

/** The video of an earlier request under this key, claiming nothing; undefined where it was another request, or none. */
export async function findKeyed<T>(store: Store, key: string, own: Claim, seek: Seek<T>): Promise<T | undefined> {
  const found = await away(() => readClaim(store, key))
  return found?.claim.digest === own.digest ? seek(found.claim) : undefined
}

/** The video that an SDK's retry repeats, claiming nothing; undefined for a first try, and for a retry of long ago. */
export async function findRetried<T>(
  store: Store,
  key: string,
  { own, retry }: { own: Claim; retry: number },
  seek: Seek<T>,
): Promise<T | undefined> {
  const found = retry === 0 ? undefined : await away(() => readClaim(store, key))
  return found !== undefined && own.at - found.claim.at < retryWindowMs ? seek(found.claim) : undefined
}

const json = { contentType: 'application/json' }

async function readClaim(store: Store, key: string): Promise<Found | undefined> {
  const got = await store.get(key)
  if (got.kind !== 'whole') return undefined
  const chunks: Uint8Array[] = await got.body.toArray()
  return { claim: claimSchema.parse(readStored(key, Buffer.concat(chunks), claimFormat)), etag: got.etag }
}

function conflict(): Problem {
  return new Problem('idempotency_conflict', 'this Idempotency-Key was used for another request within the last day', {
    param: 'Idempotency-Key',
  })
}

/** A call after whose failure our claim may be in S3: a write without an answer may still be carried out. */
async function undecided<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await within(callMs, call)
  } catch (error) {
    throw new OutcomeUnknown('the object store', error)
  }
}

async function away<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await within(callMs, call)
  } catch (error) {
    throw unavailable('the object store', error)
  }
}
