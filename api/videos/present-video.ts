import { endingCode, type EndingCode, failureCode, failures } from '../../workflows/failures.js'
import { percentDone, type RenderProgress } from '../../workflows/progress.js'
import type { Phase, VideoMemo } from '../../workflows/video.js'
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
export type QueueFacts = { queueLength: number; estimatedMinutes: number }

/**
 * The contract's answer for a video. `deleted` is not a phase: DELETE says it of a video that is gone. `model` is that of the setting
 * ENGINE: what makes a video of which no node has taken hold yet.
 */
export function presentVideo(
  { id, memo, progress }: VideoState,
  queue: QueueFacts & { model: string },
  now = Date.now(),
): VideoAnswer {
  const code = errorCode(memo)
  return {
    id,
    object: 'video',
    model: memo.model ?? queue.model,
    status: statusOf(memo.phase),
    progress: progressPercent(memo, progress),
    created_at: unixSeconds(memo.createdAt),
    estimated_time: queue.estimatedMinutes,
    queue_length: queue.queueLength,
    duration: renderSeconds(memo, now),
    seconds: String(Math.max(1, Math.floor(memo.seconds))),
    // Our own sentence: an error's text is for operators.
    error: code === null ? '' : failures[code].told,
    error_code: code,
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

/** Why there is no file and will be none; null for a video that has not ended so. */
export function errorCode({ phase, error }: Pick<VideoMemo, 'phase' | 'error'>): EndingCode | null {
  if (phase === 'cancelled') return 'cancelled'
  return phase === 'failed' ? endingCode(failureCode(error?.code)) : null
}

function unixSeconds(ms: number): number {
  return Math.floor(ms / 1000)
}
