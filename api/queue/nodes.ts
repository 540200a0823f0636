import { z } from 'zod'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { readStored } from '../../infra/files/stored-format.js'
import { type NodeAnnouncement, nodeFormat, nodeGoneMs } from '../../workflows/node.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { within } from '../http/within.js'

const readEveryMs = 5_000
/** Nobody waits longer for the announcements than this. */
const readMs = 1_500

const announcementSchema = z.object({
  node: z.string(),
  at: z.number(),
  state: z.enum(['starting', 'idle', 'busy', 'draining', 'drained']),
  engine: z.string(),
  model: z.string(),
  ranks: z.number(),
  presets: z.array(z.string()),
  speeds: z.array(z.object({ tokens: z.number().positive(), secondsPerForward: z.number().positive() })),
  renders: z.string().nullable(),
})

/** The nodes that are up, as they announce themselves in S3; read when somebody asks, at most every 5 s. */
export class Nodes {
  readonly #store: Pick<ObjectStore, 'list' | 'read'>
  readonly #log: Log
  #known: NodeAnnouncement[] = []
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(store: Pick<ObjectStore, 'list' | 'read'>, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** Nodes heard of within the last minute. When S3 is away: those known from before, as long as they count as up. */
  async live(now = Date.now()): Promise<NodeAnnouncement[]> {
    if (now - this.#readAt >= readEveryMs) {
      this.#reading ??= within(readMs, () => this.#read())
        .catch((err: unknown) => this.#log.warn({ err }, 'the announcements of the nodes cannot be read'))
        .finally(() => {
          this.#reading = undefined
          this.#readAt = now
        })
      await this.#reading
    }
    return this.#known.filter((node) => now - node.at < nodeGoneMs)
  }

  async #read(): Promise<void> {
    const read: NodeAnnouncement[] = []
    for await (const { key } of this.#store.list(objectKeys.nodes)) {
      if (!key.endsWith('.json')) continue // a request to drain a node lies beside it
      const body = await this.#store.read(key)
      if (body === undefined) continue // it has just left
      try {
        read.push(announcementSchema.parse(readStored(key, body, nodeFormat)))
      } catch (err) {
        this.#log.warn({ key, err }, 'an announcement of a node is not understood')
      }
    }
    this.#known = read.sort((a, b) => b.at - a.at)
  }
}
