import { z } from 'zod'
import { endingCodes } from '../../workflows/failures.js'

/** The statuses of the contract. `deleted` is only said in the answer of DELETE; a cancelled video is an `error`. */
export const statuses = ['queued', 'processing', 'completed', 'deleted', 'error'] as const

const unixSeconds = z.int().nonnegative().meta({ format: 'int64' })

/** A video as answers show it: the contract's eleven keys with `error_code` of ours, then those that OpenAI's video object has besides. */
export const videoSchema = z
  .strictObject({
    id: z.string().describe('Also the id of the video’s workflow in Temporal.'),
    object: z.literal('video'),
    model: z.string().describe('What makes the video or made it, e.g. InfiniteTalk.'),
    status: z.enum(statuses),
    progress: z
      .int()
      .min(0)
      .max(100)
      .describe('Percent of the denoising steps that are done; 100 only when completed.'),
    created_at: unixSeconds,
    estimated_time: z
      .int()
      .min(0)
      .describe(
        'Minutes, rounded up, until it is rendered: the work ahead and its own by the measured speed of the nodes. ' +
          '0 when it is over, and while no node that is up has been measured.',
      ),
    queue_length: z
      .int()
      .min(0)
      .describe(
        'Unfinished videos ahead. Those being processed come before those that wait; ' +
          'within each, priority and then age decide.',
      ),
    duration: z.int().min(0).describe('Seconds of rendering so far, or in all.'),
    seconds: z
      .string()
      .regex(/^[1-9]\d*$/)
      .describe('Whole seconds of the result, at least 1.'),
    error: z.string().describe('Why it failed, and what its owner can do about it; empty when it did not fail.'),
    error_code: z
      .string()
      .nullable()
      .describe(`The same as one word, null when it did not fail. More may come: ${endingCodes.join(', ')}.`),
    completed_at: unixSeconds.nullable(),
    expires_at: unixSeconds.nullable().describe('When the video is removed.'),
    prompt: z.string().nullable(),
    size: z.string().regex(/^\d+x\d+$/),
    remixed_from_video_id: z.string().nullable(),
  })
  .meta({ id: 'Video' })

export type VideoAnswer = z.infer<typeof videoSchema>
