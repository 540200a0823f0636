import { type Client, WorkflowNotFoundError } from '@temporalio/client'

/** Whether a video exists: its workflow is open. Rejects when Temporal cannot say. */
export function openVideos(client: Client): (videoId: string) => Promise<boolean> {
  return async (videoId) => {
    try {
      return (await client.workflow.getHandle(videoId).describe()).status.name === 'RUNNING'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }
}
