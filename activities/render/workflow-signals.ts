import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { renderInterruptedSignal, renderStartedSignal } from '../../workflows/names.js'
import { abortableSleep } from '../worker/abortable-sleep.js'
import type { WorkflowSignals } from './render-session.js'

const againAfterMs = 2000

/**
 * Tells a video's workflow that a node is at work on it, or what befell it. Temporal being away is waited for: the render goes on
 * meanwhile, and must not fail for that. Rejects when the video is no more.
 */
export function createWorkflowSignals(client: Client): WorkflowSignals {
  const signal = async (videoId: string, name: string, told: object, ended: AbortSignal): Promise<void> => {
    for (;;) {
      try {
        await client.workflow.getHandle(videoId).signal(name, told)
        return
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) throw error
        await abortableSleep(againAfterMs, ended)
      }
    }
  }
  return {
    started: (videoId, started, ended) => signal(videoId, renderStartedSignal, started, ended),
    interrupted: (videoId, interrupted, ended) => signal(videoId, renderInterruptedSignal, interrupted, ended),
  }
}
