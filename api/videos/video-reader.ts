import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { videoMemoKey } from '../../workflows/names.js'
import type { RenderProgress } from '../../workflows/progress.js'
import { type VideoMemo, videoIdPattern } from '../../workflows/video.js'
import { reachedByEndedRender } from './reached-by-ended-render.js'
import { priorityOf } from './execution-attributes.js'
import { progressPercent, type VideoState } from './present-video.js'
import { videoNotFound } from '../http/problems.js'
import { askTemporal } from './temporal-calls.js'
import { MonotonicProgress } from './monotonic-progress.js'

/** For so long one describe serves everybody who asks for the same video. */
const sharedMs = 300

/** Reads the state of one video with one describe call, which needs no worker; all who ask at once share the call. */
export class VideoReader {
  readonly #client: Client
  readonly #shared = new Map<string, { at: number; state: Promise<VideoState> }>()
  readonly #progress = new MonotonicProgress()

  constructor(client: Client) {
    this.#client = client
  }

  /** Rejects with a Problem: not found when there is no such video, or none any more; unavailable without Temporal. */
  read(id: string): Promise<VideoState> {
    // Whatever is no id of ours is not worth asking for.
    if (!videoIdPattern.test(id)) return Promise.reject(videoNotFound(id))
    this.#forgetOld()
    const known = this.#shared.get(id)
    if (known !== undefined) return known.state
    const state = this.#describe(id).then((described) => this.#neverLess(described))
    this.#shared.set(id, { at: performance.now(), state })
    state.catch(() => this.forget(id))
    return state
  }

  /** After a change of our own: the next read asks. */
  forget(id: string): void {
    this.#shared.delete(id)
  }

  /** A map keeps the order of insertion, so the old ones are its first. */
  #forgetOld(): void {
    const oldest = performance.now() - sharedMs
    for (const [id, { at }] of this.#shared) {
      if (at > oldest) return
      this.#shared.delete(id)
    }
  }

  #neverLess(state: VideoState): VideoState {
    const { id, memo, progress } = state
    if (memo.phase === 'processing')
      return withFloor(state, this.#progress.furthest(id, progressPercent(memo, progress)))
    this.#progress.forget(id)
    return state
  }

  async #describe(id: string): Promise<VideoState> {
    try {
      for (let left = aboutToSpeakTries; ; left--) {
        const description = await askTemporal(this.#client, () => this.#client.workflow.getHandle(id).describe())
        if (!isAboutToSpeak(description)) return stateOf(description)
        if (left === 0) return withFloor(stateOf(description), await reachedByEndedRender(this.#client, description))
        await sleep(aboutToSpeakMs)
      }
    } catch (error) {
      throw error instanceof WorkflowNotFoundError ? videoNotFound(id) : error
    }
  }
}

/** A workflow's next word takes some 10 ms; with its workers away, its history tells after this long. */
const aboutToSpeakTries = 5
const aboutToSpeakMs = 40

/**
 * A render may have ended of which the workflow has not yet spoken: no activity has its progress any more (one of a lost worker may
 * still be pending, with less), and the memo not yet. What is told at this moment would be a step back.
 */
function isAboutToSpeak({ memo, raw }: WorkflowExecutionDescription): boolean {
  const video = memo?.[videoMemoKey] as VideoMemo | undefined
  return video?.phase === 'processing' && raw.pendingWorkflowTask != null
}

function withFloor(state: VideoState, percent: number): VideoState {
  const { memo } = state
  return { ...state, memo: { ...memo, progressFloor: Math.max(memo.progressFloor ?? 0, percent) } }
}

/** An open workflow is a video that exists; a closed one, or one of another kind, is none. */
function stateOf(description: WorkflowExecutionDescription): VideoState {
  const id = description.workflowId
  const memo = description.memo?.[videoMemoKey] as VideoMemo | undefined
  if (description.status.name !== 'RUNNING' || memo === undefined || memo.phase === 'deleting') throw videoNotFound(id)
  return { id, memo, priority: priorityOf(description), progress: progressOf(description) }
}

/** Waiting for a worker: its details, if any, are those of an attempt that is over. */
const scheduledState = 1

/**
 * What the render under way heartbeats, `render` or `attach`: the newest word of them, since one whose worker was lost stays pending for a
 * while after another has taken over.
 */
function progressOf({ raw }: WorkflowExecutionDescription): RenderProgress | undefined {
  let newest: { at: number; payload: Payload } | undefined
  for (const activity of raw.pendingActivities ?? []) {
    const name = activity.activityType?.name
    const payload = activity.heartbeatDetails?.payloads?.[0]
    if ((name !== 'render' && name !== 'attach') || activity.state === scheduledState || payload == null) continue
    const { seconds, nanos } = activity.lastHeartbeatTime ?? {}
    const at = Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6
    if (newest === undefined || at > newest.at) newest = { at, payload }
  }
  return newest && defaultPayloadConverter.fromPayload<RenderProgress>(newest.payload)
}
