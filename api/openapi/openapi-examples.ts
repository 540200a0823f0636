import { Problem, problems, type ProblemType } from '../http/problems.js'
import type { VideoAnswer } from '../videos/video-schema.js'

/** The answers for one video, from its order to its removal, as `/openapi.json` shows them. */
const queued: VideoAnswer = {
  id: 'video_1766454718_abcdefghij',
  object: 'video',
  model: 'InfiniteTalk',
  status: 'queued',
  progress: 0,
  created_at: 1_766_454_718,
  estimated_time: 14,
  queue_length: 1,
  duration: 0,
  seconds: '10',
  error: '',
  error_code: null,
  completed_at: null,
  expires_at: null,
  prompt: 'A woman speaks into a studio microphone',
  size: '448x832',
  remixed_from_video_id: null,
}
const processing: VideoAnswer = { ...queued, status: 'processing', progress: 37, queue_length: 0, duration: 154 }
const over = { queue_length: 0, estimated_time: 0, expires_at: 1_769_047_134 } as const
const completed: VideoAnswer = {
  ...{ ...queued, ...over, status: 'completed', progress: 100, duration: 416 },
  completed_at: 1_766_455_134,
}

export const videoExamples = {
  queued,
  processing,
  completed,
  cancelled: { ...processing, ...over, status: 'error', error: 'cancelled', error_code: 'cancelled' },
  deleted: { ...completed, status: 'deleted', completed_at: null },
} as const satisfies Record<string, VideoAnswer>

/** The body of a refusal; real messages name the parameter, its value and the limit. */
export function problemExample(type: ProblemType) {
  return new Problem(type, problems[type].meaning).body
}
