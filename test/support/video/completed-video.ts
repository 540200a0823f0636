import type { ObjectStore } from '../../../infra/s3/object-store.js'
import { connectTemporal } from '../../../infra/temporal/temporal.js'
import { videoMemoKey, videoWorkflow } from '../../../workflows/names.js'
import { objectKeys } from '../../../workflows/object-keys.js'
import type { VideoMemo } from '../../../workflows/video.js'
import type { TestStack } from '../test-stack.js'

/**
 * A completed video as GET meets it, of as many bytes as wanted, without a render: no worker is asked about one. Dispose to close it
 * and to remove its file.
 */
export async function completedVideo(
  stack: TestStack,
  store: Pick<ObjectStore, 'upload' | 'removeAll'>,
  { id, bytes }: { id: string; bytes: number },
): Promise<AsyncDisposable> {
  const memo: VideoMemo = {
    ...{ phase: 'completed', prompt: '', width: 640, height: 640, seconds: 1, work: 1, tokens: 1, createdAt: 0 },
    file: { bytes, sha256: '0'.repeat(64), frames: 24, seconds: 1 },
  }
  const temporal = await connectTemporal({
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_NAMESPACE: stack.namespace,
  })
  const options = { workflowId: id, taskQueue: 'nobody', memo: { [videoMemoKey]: memo } }
  const video = await temporal.client.workflow.start(videoWorkflow, options)
  await store.upload(objectKeys.output(id), zeros(bytes))
  return {
    async [Symbol.asyncDispose]() {
      await video.terminate()
      await temporal[Symbol.asyncDispose]()
      await store.removeAll(objectKeys.video(id))
    },
  }
}

async function* zeros(bytes: number) {
  const piece = Buffer.alloc(2 ** 20)
  for (let left = bytes; left > 0; left -= piece.length) yield await Promise.resolve(piece.subarray(0, left))
}
