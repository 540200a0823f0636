import type { Job } from './job.js'
import type { Blame } from './rank-group.js'
import type { JobWord } from './rank-protocol.js'

/** Writes what rank 0 says of a job into the job's log. */
export function applyWord(job: Job, word: JobWord): void {
  switch (word.type) {
    case 'progress': {
      const { chunk, chunks, step, steps, seconds_left } = word
      return job.progress({ chunk, chunks, step, steps, secondsLeft: seconds_left ?? -1 })
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
    case 'rejected':
      return job.end({ failed: { reason: 'BAD_INPUT', message: word.message, rank: 0 } })
  }
}

/** Ends the job with the words of the rank that is to blame. */
export function applyBlame(job: Job, { reason, rank, message }: Blame): void {
  job.end({ failed: { reason, message, rank } })
}
