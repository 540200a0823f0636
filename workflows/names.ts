import type { FailureCode } from './failures.js'
import type { RenderProgress } from './progress.js'

/** Task queues. `videos` needs S3 only, `media` needs ffmpeg, `gaudi` has one slot a node. */
export const queues = { videos: 'videos', media: 'media', gaudi: 'gaudi' } as const

/** The queue of one node: re-attach, abort and clean up there. */
export const nodeQueue = (node: string): string => `${queues.gaudi}-${node}`

/** The workflow type: one execution per video, `workflowId` = the video's id. */
export const videoWorkflow = 'video'

/** Visibility queries: of all videos, and of those that are not closed yet. */
export const ofVideos = `WorkflowType = '${videoWorkflow}'`
export const ofOpenVideos = `${ofVideos} AND ExecutionStatus = 'Running'`

/** The workflow type, schedule and workflow id of the nightly sweep. */
export const sweepWorkflow = 'sweep'

/** The memo's one field, a `VideoMemo`. */
export const videoMemoKey = 'video'

/** Update: removes the video; rejected while it is being processed. Answers with the last `VideoMemo`. */
export const deleteUpdate = 'delete'

/**
 * Update: stops a video that is not over and removes what was made of it; its inputs stay until it is deleted or expires. Once it
 * is cancelled, the same again answers alike. Answers with the `VideoMemo`, whose phase is `cancelled` from then on. Its argument is
 * the progress in percent that was last told: live progress is in heartbeats, which the workflow does not see.
 */
export const cancelUpdate = 'cancel'

/** Signal of a `render` or `attach` activity to its workflow: it has begun on a node (`RenderStarted`). */
export const renderStartedSignal = 'renderStarted'
/** `model` as the node's runner names it; undefined while its ranks are not up. */
export type RenderStarted = { node: string; generation: number; at: number; model?: string }

/** Signal of a `render` or `attach` activity: its ranks broke, and its runner has them go on (`RenderInterrupted`). */
export const renderInterruptedSignal = 'renderInterrupted'
export type RenderInterrupted = {
  node: string
  generation: number
  at: number
  code: FailureCode
  /** For operators. */
  detail: string
  chunk: number
  step: number
}

/**
 * Update by a node's worker that finds its runner with a render which nobody there follows, or without one that should be there
 * (`NodeBack`). Answers whether the video still wants it from this node: then an `attach` comes to the node's queue at once;
 * else the worker ends the job.
 */
export const nodeBackUpdate = 'nodeBack'
export type NodeBack = { node: string; generation: number; progress?: RenderProgress }

/** `ApplicationFailure.type` with which the `delete` update is refused while the video is processed. */
export const deleteRefused = 'video_is_processing'

/** `ApplicationFailure.type` with which the `cancel` update is refused for a completed or failed video. */
export const cancelRefused = 'video_is_over'

/** Search attributes: lists, queue positions and deltas. Their types are made known to the server at start-up. */
export const searchAttributes = {
  phase: 'VideoPhase',
  tenant: 'VideoTenant',
  priority: 'VideoPriority',
  changedAt: 'VideoChangedAt',
  /** The node that renders the video, or rendered it last. */
  node: 'VideoNode',
  /** Why it failed: an `EndingCode`. */
  errorCode: 'VideoErrorCode',
} as const

/** Until there are API keys, every video belongs to this tenant, at this priority (1 first, 5 last). */
export const defaultTenant = 'default'
export const defaultPriority = 3
