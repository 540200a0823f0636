import type { Job } from './job.js'
import type { JobWord } from './rank-protocol.js'

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
      if (!job.setbacks.furthest) return job.end({ failed: { reason: 'BAD_INPUT', message: word.message, rank: 0 } })
      const damage = job.damage()
      const message = damage ? `${damage} (${word.message})` : word.message
      return job.end({ failed: { reason: 'NODE_FAILED', message, rank: 0 } })
    }
  }
}
