import type { ObjectStore } from '../../infra/s3/object-store.js'
import type { Slots } from '../../infra/program/slots.js'

/** What checking an upload needs, and its limits. */
export type MediaChecking = {
  store: Pick<ObjectStore, 'get' | 'read' | 'readUrl' | 'upload'>
  ffmpegPath: string
  /** Longest sound, in seconds. */
  maxSeconds: number
  /** Files decoded at once in this process. */
  slots: Slots
}

/** Of one order, what its reference is checked and made with. */
export type ReferenceChecking = {
  videoId: string
  /** What stands behind see-through pixels: `#rrggbb`. */
  background: string
  signal: AbortSignal
}
