import type { InjectedSinks } from '@temporalio/worker'
import { Counter, type Registry } from 'prom-client'
import { failures } from '../workflows/failures.js'
import type { VideoSinks } from '../workflows/video-sinks.js'

/** Counts the videos that end on this worker, by how; a worker that is killed in that very moment may leave its count to the next. */
export function endedVideos(registry: Registry): InjectedSinks<VideoSinks> {
  const registers = [registry]
  const ended = new Counter({
    name: 'text2video_ended_videos_total',
    help: 'Videos that were completed, failed or were cancelled.',
    labelNames: ['phase'],
    registers,
  })
  const failed = new Counter({
    name: 'text2video_failed_videos_total',
    help: 'Videos that failed, by the code of the failure.',
    labelNames: ['code'],
    registers,
  })
  // There from the start, so that the first of a kind is seen as an increase.
  for (const phase of ['completed', 'failed', 'cancelled']) ended.inc({ phase }, 0)
  for (const code of Object.keys(failures)) failed.inc({ code }, 0)
  return {
    videos: {
      ended: {
        callDuringReplay: false,
        fn(_workflow, phase, failure) {
          ended.inc({ phase })
          if (phase === 'failed') failed.inc({ code: failure ?? 'Internal' })
        },
      },
    },
  }
}
