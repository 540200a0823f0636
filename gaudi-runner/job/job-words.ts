import type { Job } from './job.js'
import type { JobWord } from '../ranks/rank-protocol.js'

/** Writes what rank 0 says of a job into the job's log. */
export function applyWord(job: Job, word: JobWord): void {
  switch (word.type) {
    case 'progress': {
      const { chunk, chunks, step, steps, seconds_left } = word
      return job.progress({ chunk, chunks, step, steps, ...(seconds_left !== null && { secondsLeft: seconds_left }) })
    }
    case 'chunk': {
      const { index, frames, segment, state } = word
      return job.chunk({ index, frames, segment, state })
    }
    case 'finished':
      return job.end({
        finished: { chunks: word.chunks, frames: word.frames, renderSeconds: word.render_seconds },
      })
    case 'aborted':
      return job.end({ aborted: {} })
    case 'rejected': {
      // What it could begin with before cannot be the order's fault: a kept state is damaged, or another version's.
      if (!job.setbacks.furthest) return job.end({ failed: { code: word.code, detail: word.detail, rank: 0 } })
      const damage = job.damage()
      const detail = damage ? `${damage} (${word.detail})` : word.detail
      return job.end({ failed: { code: 'node_failed', detail, rank: 0 } })
    }
  }
}
