import { percentDone, type RenderProgress } from '../workflows/progress.js'
import type { Phase, VideoMemo } from '../workflows/video.js'
import type { VideoAnswer } from './video-schema.js'

/** A video as one describe call tells it. */
export type VideoState = {
  id: string
  memo: VideoMemo
  /** 1 first, 5 last. */
  priority: number
  /** Of the render that is under way; undefined between and after renders. */
  progress?: RenderProgress | undefined
}

/** What the queue view adds. */
export type QueueFacts = { queueLength: number; estimatedMinutes: number; model: string }

/** The contract's answer for a video. `deleted` is not a phase: DELETE says it of a video that is gone. */
export function presentVideo({ id, memo, progress }: VideoState, queue: QueueFacts, now = Date.now()): VideoAnswer {
  return {
    id,
    object: 'video',
    model: queue.model,
    status: statusOf(memo.phase),
    progress: progressPercent(memo, progress),
    created_at: unixSeconds(memo.createdAt),
    estimated_time: queue.estimatedMinutes,
    queue_length: queue.queueLength,
    duration: renderSeconds(memo, now),
    seconds: String(Math.max(1, Math.floor(memo.seconds))),
    error: errorText(memo),
    completed_at: memo.phase === 'completed' && memo.endedAt !== undefined ? unixSeconds(memo.endedAt) : null,
    expires_at: memo.expiresAt === undefined ? null : unixSeconds(memo.expiresAt),
    prompt: memo.prompt === '' ? null : memo.prompt,
    size: `${memo.width}x${memo.height}`,
    remixed_from_video_id: null,
  }
}

/** What was done with the order that its owner may not expect; a header, since the contract's keys have no place for it. */
export function noteHeader({ note }: VideoMemo): Record<string, string> {
  return note === undefined ? {} : { 'x-video-note': note }
}

function statusOf(phase: Phase): VideoAnswer['status'] {
  switch (phase) {
    case 'queued':
    case 'processing':
    case 'completed':
      return phase
    case 'failed':
    case 'cancelled':
      return 'error'
    case 'deleting':
      return 'deleted'
  }
}

/** Percent that never falls: an attempt that starts again shows what the one before had reached until it is past it. */
export function progressPercent(memo: VideoMemo, progress?: RenderProgress): number {
  switch (memo.phase) {
    case 'completed':
      return 100
    case 'queued':
      return memo.progressFloor ?? 0
    case 'processing': {
      // Heartbeat details outlive their attempt: those of an older generation are not live.
      const isLive = progress !== undefined && progress.generation >= (memo.generation ?? 0)
      return Math.min(99, Math.max(memo.progressFloor ?? 0, isLive ? percentDone(progress) : 0))
    }
    case 'failed':
    case 'cancelled':
    case 'deleting':
      return Math.min(99, memo.progressFloor ?? 0)
  }
}

function renderSeconds({ startedAt, endedAt }: VideoMemo, now: number): number {
  return startedAt === undefined ? 0 : Math.max(0, Math.round(((endedAt ?? now) - startedAt) / 1000))
}

function errorText({ phase, error }: VideoMemo): string {
  if (phase === 'cancelled') return 'cancelled'
  return phase === 'failed' ? (error?.message ?? 'the video failed') : ''
}

function unixSeconds(ms: number): number {
  return Math.floor(ms / 1000)
}
