import { Context } from '@temporalio/activity'
import { failure } from '../activities/failure.js'
import { startHeartbeats } from '../activities/heartbeats.js'
import type { Stage, StagedVideo } from './video-stage.js'

/** Lives of videos whose histories are kept in `test/histories/`, each played to its end. */
export const stories = {
  async completed(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation)
        return { chunks: 2, frames: 100 }
      },
    })
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'node-lost'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation, `n${generation}`)
        const progress = { node: 'n1', generation, chunk: 1, chunks: 2, step: 0, steps: 10, secondsLeft: 3 }
        if (generation < 4) throw failure('RunnerLost', 'away', { progress })
        return { chunks: 2, frames: 100 }
      },
    })
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'our-fault'(stage) {
    const video: StagedVideo = await stage.start({
      async assemble() {
        throw failure('BadOutput', 'the finished file has 99 frames instead of 100')
      },
    })
    await video.reached('failed')
    await video.remove()
    return video
  },

  async 'deleted-while-queued'(stage) {
    const video = await stage.start({ render: untilCancelled })
    await new Promise((resolve) => setTimeout(resolve, 500)) // so that the render is on its way
    await video.remove()
    return video
  },

  async cancelled(stage) {
    const video: StagedVideo = await stage.start({
      async render() {
        await video.tellStarted(1)
        return await untilCancelled()
      },
    })
    await video.reached('processing')
    await video.cancel()
    await video.remove()
    return video
  },

  async 'cancelled-while-queued'(stage) {
    const video = await stage.start({ prepare: untilCancelled })
    await video.cancel()
    await video.remove()
    return video
  },

  async 'cancelled-in-the-web-ui'(stage) {
    const video: StagedVideo = await stage.start({
      async render() {
        await video.tellStarted(1)
        return await untilCancelled()
      },
    })
    await video.reached('processing')
    await video.handle.cancel()
    await video.reached('cancelled')
    await video.remove()
    return video
  },

  async expired(stage) {
    const video = await stage.start({}, { retentionMs: 200 })
    await video.handle.result()
    return video
  },
} satisfies Record<string, (stage: Stage) => Promise<StagedVideo>>

/** Waits in an activity until it is cancelled. */
export async function untilCancelled(): Promise<never> {
  using _beats = startHeartbeats(100)
  return await Context.current().cancelled
}
