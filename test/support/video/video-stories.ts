import { Context } from '@temporalio/activity'
import { failure } from '../../../activities/worker/activity-failure.js'
import { startHeartbeats } from '../../../activities/worker/heartbeats.js'
import { renderInterruptedSignal } from '../../../workflows/names.js'
import type { RenderProgress } from '../../../workflows/progress.js'
import { until } from '../runner/local-runner.js'
import type { Stage, StagedVideo } from './video-stage.js'

/** A position in the two chunks of `anAcceptedOrder`. */
export function progressAt(generation: number, chunk: number, step: number): RenderProgress {
  return { doing: 'rendering', node: `n${generation}`, generation, chunk, chunks: 2, step, steps: 10, secondsLeft: 3 }
}

/** Lives of videos whose histories are kept in `test/workflows/histories/`, each played to its end. */
export const stories = {
  async completed(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation)
        return { lineage: [1, 1], frames: 100 }
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
        const progress = progressAt(generation, 1, 0)
        if (generation < 4) throw failure('runner_lost', 'away', { progress })
        return { lineage: [1, 1], frames: 100 }
      },
    })
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'worker-restarted'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation)
        throw failure('worker_lost', 'the node worker left its render', { progress: progressAt(generation, 1, 5) })
      },
      async attach({ generation }) {
        await video.tellStarted(generation)
        return { lineage: [1, 1], frames: 100 }
      },
    })
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'worker-back'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation)
        return await untilCancelled() // until the workflow closes: its worker is gone
      },
      async attach({ generation }) {
        await video.tellStarted(generation)
        return { lineage: [1, 1], frames: 100 }
      },
    })
    await video.reached('processing')
    await video.tellBack(1, 'n1', progressAt(1, 1, 0))
    await video.reached('completed')
    await video.tellBack(1)
    await video.remove()
    return video
  },

  /** Takes 40 s: a heartbeat timeout, and the wait for its node. */
  async 'node-gone'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation, `gone${generation}`)
        if (generation > 1) return { lineage: [1, 2], frames: 100 }
        Context.current().heartbeat(progressAt(generation, 1, 5))
        return await new Promise<never>(() => {})
      },
    })
    await until('a second generation', async () => (await video.memo()).phase === 'completed', 60_000)
    await video.remove()
    return video
  },

  /** Takes 40 s: two heartbeat timeouts, the second of a node that was given its render again and stands still. */
  async 'node-frozen'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation, `n${generation}`)
        if (generation > 1) return { lineage: [1, 2], frames: 100 }
        Context.current().heartbeat(progressAt(generation, 1, 5))
        return await new Promise<never>(() => {})
      },
      attach: () => new Promise<never>(() => {}),
    })
    await until('a second generation', async () => (await video.memo()).phase === 'completed', 60_000)
    await video.remove()
    return video
  },

  /** Its node is back while the next generation waits, and fails there; what has begun elsewhere is not given back. */
  async 'node-back'(stage) {
    const generations: number[] = []
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        generations.push(generation)
        if (generation === 2) return await untilCancelled()
        await video.tellStarted(generation, `n${generation}`)
        if (generation === 1) throw failure('runner_lost', 'away', { progress: progressAt(1, 0, 5) })
        return { lineage: [3, 3], frames: 100 }
      },
      async attach({ generation }) {
        await video.tellStarted(generation)
        await video.handle.signal(renderInterruptedSignal, {
          ...{ node: 'n1', generation, at: Date.now(), code: 'rank_failed', detail: 'rank 1: died', chunk: 0, step: 6 },
        })
        throw failure('runner_lost', 'away again', { progress: progressAt(1, 0, 6) })
      },
    })
    await until('generation 2', () => generations.includes(2))
    await video.tellBack(1)
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'chunk-damaged'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation)
        return { lineage: [1, generation], frames: 100 }
      },
      async assemble(_order, { lineage }) {
        if (lineage[1] === 1) throw failure('chunk_damaged', 'chunk 1 is no longer in the storage as it was made')
        return { bytes: 1000, sha256: 'cd', frames: 100, seconds: 4 }
      },
    })
    await video.reached('completed')
    await video.remove()
    return video
  },

  async 'cancelled-while-resuming'(stage) {
    const video: StagedVideo = await stage.start({
      async render({ generation }) {
        await video.tellStarted(generation, 'gone')
        throw failure('worker_lost', 'the node worker left its render', { progress: progressAt(generation, 1, 5) })
      },
    })
    await until('the render to be lost', async () => (await video.memo()).attempts !== undefined)
    await video.cancel()
    await video.remove()
    return video
  },

  async 'cancelled-while-assembled'(stage) {
    const video: StagedVideo = await stage.start({ assemble: untilCancelled })
    await until('the file', async () => (await video.memo()).progressFloor === 99)
    await video.cancel()
    await video.remove()
    return video
  },

  async 'our-fault'(stage) {
    const video: StagedVideo = await stage.start({
      async assemble() {
        throw failure('bad_output', 'the finished file has 99 frames instead of 100')
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
