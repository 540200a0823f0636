import type { EndingCode, FailureCode } from './failures.js'
import type { Order } from './order.js'

/**
 * Where a video is in its life; one workflow holds it from the first phase to the last.
 *
 * queued      accepted: everything is stored and valid; being prepared, or waiting for a node
 * processing  a node renders it, or its file is being assembled
 * completed   the file can be downloaded, until it is deleted or expires
 * failed      it will not be rendered; `error` says why; the inputs stay until deletion or expiry
 * cancelled   stopped by its owner (the original service has no word for it: shown as an error); the inputs stay
 * deleting    its objects are being removed; afterwards the workflow closes, and the video is a 404
 */
export const phases = ['queued', 'processing', 'completed', 'failed', 'cancelled', 'deleting'] as const
export type Phase = (typeof phases)[number]

/** Videos that are over one way or another, and can no longer be cancelled. */
export const isOver = (phase: Phase): boolean => phase === 'completed' || phase === 'failed' || phase === 'deleting'

/** Unfinished videos: the ones that the queue view holds and that others wait behind. */
export const unfinishedPhases = ['queued', 'processing'] as const satisfies readonly Phase[]

/** Why a video ended without a file. `detail` is for operators alone: what its owner is told stands in `failures.ts`. */
export type VideoError = { code: EndingCode; detail: string }

/** A render that ended early, or broke and went on by itself: for operators, in the memo and the web UI. */
export type EndedAttempt = {
  code: FailureCode
  /** For operators. */
  detail: string
  at: number
  generation: number
  node?: string
  /** How far the video had come: finished chunks and, within the next, finished steps. */
  chunk?: number
  step?: number
}

/** All that ended early are counted, the newest five kept. */
export type Attempts = { count: number; newest: EndedAttempt[] }

/** The finished file. */
export type VideoFile = { bytes: number; sha256: string; frames: number; seconds: number }

/**
 * What the workflow's memo holds under `videoMemoKey`: with live progress (`progress.ts`) all that GET must tell.
 * Times are milliseconds since 1970. Below 2 KB but for the prompt.
 */
export type VideoMemo = {
  phase: Phase
  /** What was ordered, without the S3 keys of the inputs. */
  prompt: string
  width: number
  height: number
  /** Length of the result, from the voices' decoded samples. */
  seconds: number
  /** Work of the render in forward-tokens (`work.ts`), known before it runs. */
  work: number
  /** Of one of its forward passes: what a node's speed depends on. */
  tokens: number
  /** What was done with the order that its owner may not expect (`order-note.ts`). */
  note?: string
  createdAt: number
  /** When the first render began on a node. */
  startedAt?: number
  /** When it was completed, failed or was cancelled. */
  endedAt?: number
  expiresAt?: number
  /** Which render is, or was last, under way on a node, from 1; the runner's fence. */
  generation?: number
  attempts?: Attempts
  node?: string
  /** What makes the video, or made it, as the node named it that rendered it last, e.g. `InfiniteTalk-demo`. */
  model?: string
  /** Progress in percent below which no answer may fall: what an earlier attempt had reached. */
  progressFloor?: number
  file?: VideoFile
  error?: VideoError
}

/** The workflow's one argument. Bytes never travel through Temporal, keys do. */
export type VideoInput = {
  order: Order
  createdAt: number
  /** How long a completed or failed video is kept, in milliseconds. */
  retentionMs: number
}

/** `video_<unix seconds>_<10 random base32 characters>`, also the workflow's id. */
export const videoIdPattern = /^video_\d{10}_[a-z2-7]{10}$/
