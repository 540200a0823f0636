import type { Job } from './job.js'
import type { JobMessage } from '../ranks/rank-protocol.js'

/** Writes what rank 0 says of a job into the job's log. */
export function applyMessage(job: Job, message: JobMessage): void {
  switch (message.type) {
    case 'progress': {
      const { chunk, chunks, step, steps, seconds_left } = message
      return job.progress({ chunk, chunks, step, steps, ...(seconds_left !== null && { secondsLeft: seconds_left }) })
    }
    case 'chunk': {
      const { index, frames, segment, state } = message
      return job.chunk({ index, frames, segment, state })
    }
    case 'finished':
      return job.end({
        finished: { chunks: message.chunks, frames: message.frames, renderSeconds: message.render_seconds },
      })
    case 'aborted':
      return job.end({ aborted: {} })
    case 'rejected': {
      // What it could begin with before cannot be the order's fault: a kept state is damaged, or another version's.
      if (!job.failures.furthest) return job.end({ failed: { code: message.code, detail: message.detail, rank: 0 } })
      const damage = job.damage()
      const detail = damage ? `${damage} (${message.detail})` : message.detail
      return job.end({ failed: { code: 'node_failed', detail, rank: 0 } })
    }
  }
}
