import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import type { JobRef } from '../../gaudi-runner/client/runner-client.js'
import { type NodeBack, nodeBackUpdate, ofOpenVideos, searchAttributes, videoMemoKey } from '../../workflows/names.js'
import { later, type RenderProgress } from '../../workflows/progress.js'
import type { VideoMemo } from '../../workflows/video.js'

const answerMs = 5_000

/** Of Temporal's list of the videos being rendered or assembled, which are few; it may be a second late. */
export function believedOn(client: Client, node: string): () => Promise<JobRef[]> {
  const query = `${ofOpenVideos} AND ${searchAttributes.phase} = 'processing'`
  return () =>
    client.withDeadline(Date.now() + answerMs, async () => {
      const jobs: JobRef[] = []
      for await (const { workflowId, memo } of client.workflow.list({ query })) {
        const video = memo?.[videoMemoKey] as VideoMemo | undefined
        if (video?.node === node) jobs.push({ jobId: workflowId, generation: video.generation ?? 0 })
      }
      return jobs
    })
}

/** Asks by an update of the workflow, telling it how far the render is known to have come. */
export function askWorkflow(client: Client, node: string): (job: JobRef) => Promise<boolean> {
  return async ({ jobId, generation }) => {
    const handle = client.workflow.getHandle(jobId)
    try {
      return await client.withDeadline(Date.now() + answerMs, async () => {
        const { raw, status } = await handle.describe()
        if (status.name !== 'RUNNING') return false
        const heard = (raw.pendingActivities ?? [])
          .flatMap(({ heartbeatDetails }) => heartbeatDetails?.payloads?.[0] ?? [])
          .map((payload) => defaultPayloadConverter.fromPayload<RenderProgress | undefined>(payload))
          .filter((beat): beat is RenderProgress => beat?.generation === generation)
        // Workers that were lost one after the other have each left one, the earlier with less.
        const progress = heard.length > 0 ? heard.reduce((one, other) => later(one, other)) : undefined
        const back: NodeBack = { node, generation, ...(progress && { progress }) }
        return await handle.executeUpdate<boolean, [NodeBack]>(nodeBackUpdate, { args: [back] })
      })
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }
}
