import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Client } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import { reachedByEndedRender } from '../../../api/videos/reached-by-ended-render.js'
import { progressPercent } from '../../../api/videos/present-video.js'
import { VideoReader } from '../../../api/videos/video-reader.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import { connectTemporal } from '../../../infra/temporal/temporal.js'
import { videoMemoKey, videoWorkflow } from '../../../workflows/names.js'
import type { VideoMemo } from '../../../workflows/video.js'
import { testStack } from '../../support/test-stack.js'

const stack = testStack()
const temporal = await connectTemporal({
  TEMPORAL_ADDRESS: stack.temporalAddress,
  TEMPORAL_NAMESPACE: stack.namespace,
})
after(() => temporal[Symbol.asyncDispose]())

test('a video whose workflow has not been taken up by a worker is shown by its memo', async () => {
  const id = `video_1700000005_${'c'.repeat(10)}`
  const memo: VideoMemo = {
    ...{ phase: 'processing', prompt: '', width: 640, height: 640, seconds: 1, work: 1, tokens: 1, createdAt: 0 },
    progressFloor: 42,
  }
  const options = { workflowId: id, taskQueue: 'nobody', memo: { [videoMemoKey]: memo } }
  const video = await temporal.client.workflow.start(videoWorkflow, options)
  try {
    const answer = await fetch(`${stack.apiUrl}/v1/videos/${id}`)
    const { status, progress } = videoSchema.parse(await answer.json())
    assert.deepEqual([status, progress], ['processing', 42])
  } finally {
    await video.terminate()
  }
})

test('with the workers away progress is that of the render that ended, however it ended', async () => {
  const progress = { node: 'n', generation: 1, chunk: 1, chunks: 2, step: 25, steps: 50, secondsLeft: 3 }
  const details = { payloads: [defaultPayloadConverter.toPayload(progress)] }
  const reached = (...events: object[]) => {
    const workflowService = { getWorkflowExecutionHistoryReverse: () => Promise.resolve({ history: { events } }) }
    const client = {
      workflowService,
      options: { namespace: 'n' },
      withDeadline: (_at: number, call: () => unknown) => call(),
    }
    return reachedByEndedRender(client as unknown as Client, { workflowId: 'v', runId: 'r' })
  }
  const scheduled = { workflowTaskScheduledEventAttributes: {} }
  const timedOut = { failure: { timeoutFailureInfo: { lastHeartbeatDetails: details } } }
  assert.equal(await reached(scheduled, { activityTaskTimedOutEventAttributes: timedOut }), 75)
  const failed = { failure: { applicationFailureInfo: { type: 'runner_lost', details } } }
  assert.equal(await reached(scheduled, { activityTaskFailedEventAttributes: failed }), 75)
  const completed = (made: object) => ({
    activityTaskCompletedEventAttributes: { result: { payloads: [defaultPayloadConverter.toPayload(made)] } },
  })
  const whole = completed({ lineage: [1], frames: 90 })
  assert.equal(await reached(scheduled, whole), 99)
  assert.equal(await reached(scheduled, completed({ bytes: 9, sha256: 'ab', frames: 90, seconds: 4 })), 99)
  assert.equal(await reached(scheduled, completed({ reference: {}, voices: [] })), 0)
  const lost = { activityTaskTimedOutEventAttributes: timedOut }
  assert.equal(
    await reached(lost, scheduled, whole),
    99,
    'a lost worker’s render times out after another has finished it',
  )
  const spoken = { workflowTaskCompletedEventAttributes: {} }
  assert.equal(await reached(scheduled, spoken, whole), 0)
  const nowhere = {
    activityTaskFailedEventAttributes: { failure: { applicationFailureInfo: { type: 'runner_lost' } } },
  }
  assert.equal(await reached(scheduled, nowhere, spoken, whole), 0)
  assert.equal(await reached(scheduled, { workflowExecutionStartedEventAttributes: {} }), 0)
})

test('what an end that Temporal holds back had reached is told on, until the video is something else', async () => {
  const video = {
    phase: 'processing',
    prompt: '',
    width: 640,
    height: 640,
    seconds: 1,
    work: 1,
    tokens: 1,
    createdAt: 0,
  }
  const progress = { node: 'n', generation: 1, chunk: 1, chunks: 2, step: 30, steps: 40, secondsLeft: 3 }
  const heartbeatDetails = { payloads: [defaultPayloadConverter.toPayload(progress)] }
  const running = { activityType: { name: 'render' }, state: 2, heartbeatDetails, lastHeartbeatTime: { seconds: 1 } }
  let known: object = { memo: { [videoMemoKey]: video }, raw: { pendingActivities: [running] } }
  const id = `video_1700000006_${'c'.repeat(10)}`
  const described = {
    workflowId: id,
    runId: 'r',
    status: { name: 'RUNNING' },
    typedSearchAttributes: { getAll: () => [] },
  }
  const client = {
    options: { namespace: 'n' },
    withDeadline: (_at: number, call: () => unknown) => call(),
    workflow: { getHandle: () => ({ describe: () => Promise.resolve({ ...described, ...known }) }) },
    workflowService: { getWorkflowExecutionHistoryReverse: () => Promise.resolve({ history: { events: [] } }) },
  }
  const reader = new VideoReader(client as unknown as Client)
  const told = async () => {
    reader.forget(id)
    const { memo, progress: live } = await reader.read(id)
    return progressPercent(memo, live)
  }
  assert.equal(await told(), 87)
  known = { memo: { [videoMemoKey]: video }, raw: { pendingActivities: [], pendingWorkflowTask: {} } }
  assert.equal(await told(), 87)
  known = { memo: { [videoMemoKey]: { ...video, phase: 'queued' } }, raw: { pendingActivities: [running] } }
  assert.equal(await told(), 0, 'the workflow has not heard of the render yet')
})
