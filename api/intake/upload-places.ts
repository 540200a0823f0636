import { clientOf } from '../http/client-address.js'
import { Pace } from './pace.js'
import { Problem } from '../http/problems.js'
import { Slots } from '../../infra/program/slots.js'

/** An upload that has been slower than this (1 Mbit/s) for so long gives way to another. */
const usualSlowness = { bytesPerSecond: 128 * 1024, forMs: 5_000 }
/** One that gives way removes what it has stored first, which a store that is away can hold up. */
const handOverMs = 8_000
const retry = { headers: { 'retry-after': '5' } }

export type UploadPlacesOptions = {
  /** Uploads at once. */
  places: number
  /** Of these, what one client keeps while others want in. As long as there are free places, it may have them all. */
  perAddress: number
  slowness?: typeof usualSlowness
}

/**
 * The places for uploads, so that nobody can hold all of them. Is none free, the slowest of the slow uploads of the client that has
 * most gives way. Is none slow, a client that has more than its share gives one of them to one that has less than its own. Only
 * then is the newcomer refused.
 */
export class UploadPlaces {
  readonly #slots: Slots
  readonly #share: number
  readonly #slowness: typeof usualSlowness
  readonly #uploads = new Set<Upload>()

  constructor({ places, perAddress, slowness = usualSlowness }: UploadPlacesOptions) {
    this.#slots = new Slots(places)
    // A share of all places would leave nothing for others.
    this.#share = Math.max(1, Math.min(perAddress, places - 1))
    this.#slowness = slowness
  }

  /** A place for an upload of this address (undefined: nobody's, it is a client of its own); throws a 503 when there is none. */
  async take(address: string | undefined, signal: AbortSignal): Promise<Upload> {
    const client = address === undefined ? Symbol('somebody') : clientOf(address)
    const upload = new Upload(client, new Pace(this.#slowness.forMs), () => this.#uploads.delete(upload))
    const free = this.#slots.take()
    // Counted from here on, so that many who come at once do not each take a place from others.
    const isPossible = free !== undefined || this.#makeWayFor(client)
    if (!isPossible) throw busy()
    this.#uploads.add(upload)
    try {
      upload.place = free ?? (await this.#slots.wait(AbortSignal.any([signal, AbortSignal.timeout(handOverMs)])))
    } catch {
      upload[Symbol.dispose]()
      signal.throwIfAborted()
      throw busy()
    }
    return upload
  }

  /** Uploads that there may be at once. */
  get count(): number {
    return this.#slots.count
  }

  /** Uploads that there are. */
  get taken(): number {
    return this.#slots.taken
  }

  /** Resolves when nobody holds a place. */
  allFree(): Promise<void> {
    return this.#slots.allFree()
  }

  #makeWayFor(newcomer: Client): boolean {
    const held = this.#countOf(newcomer)
    const arriving = [...this.#uploads].filter((upload) => upload.isArriving)
    const most = (uploads: Upload[]): Upload | undefined =>
      uploads.sort((a, b) => this.#countOf(b.client) - this.#countOf(a.client) || a.speed - b.speed)[0]

    // For one who has some already, only his own or of those who have more.
    const canGive = ({ client }: Upload): boolean => client === newcomer || this.#countOf(client) > held
    const slow = most(arriving.filter((upload) => upload.speed < this.#slowness.bytesPerSecond && canGive(upload)))
    if (slow !== undefined) {
      slow.cut(new Problem('too_slow', 'the body arrives slowly, and others need the place; try again', retry))
      return true
    }
    if (held >= this.#share) return false
    const over = most(arriving.filter(({ client }) => this.#countOf(client) > this.#share))
    over?.cut(busy())
    return over !== undefined
  }

  #countOf(client: Client): number {
    return [...this.#uploads].filter((upload) => upload.client === client).length
  }
}

type Client = string | symbol

/** One upload that holds a place until it is disposed of. Who reads its body tells its pace, and stops when `signal` is aborted. */
export class Upload implements Disposable {
  readonly client: Client
  readonly pace: Pace
  /** Whether its body is being read: what has arrived whole is not cut any more. */
  isArriving = false
  place: Disposable | undefined
  readonly #cut = new AbortController()
  readonly #leave: () => void

  constructor(client: Client, pace: Pace, leave: () => void) {
    this.client = client
    this.pace = pace
    this.#leave = leave
  }

  get signal(): AbortSignal {
    return this.#cut.signal
  }

  /** Bytes a second; one that is too young to be judged counts as fast. */
  get speed(): number {
    return this.pace.bytesPerSecond() ?? Number.MAX_VALUE
  }

  cut(reason: Problem): void {
    this.isArriving = false
    this.#leave()
    this.#cut.abort(reason)
  }

  [Symbol.dispose](): void {
    this.#leave()
    this.place?.[Symbol.dispose]()
  }
}

function busy(): Problem {
  return new Problem('busy', 'too many uploads at once; try again in a moment', retry)
}
