import { z } from 'zod'
import type { Order__Output as Order } from './generated/text2video/runner/v1/Order.js'
import type { RankOrder } from './rank-protocol.js'
import { invalid } from './rpc-error.js'

/** An order that may be rendered, in the ranks' words; `id` and `generation` are its name and fence. */
export type CheckedOrder = { id: string; generation: number; order: RankOrder }

/** The id names a folder: nothing else may be in it. */
const jobId = z.string().regex(/^[a-z0-9_]{1,64}$/)

const whole = (min: number, max: number) => z.int().min(min).max(max)
const side = whole(64, 4096).multipleOf(16)
const guide = z.number().min(0).max(20)
/** 4,000 characters, of which a JavaScript string holds some as two units. */
const text = z.string().max(8000)
const box = z.object({
  x: whole(0, 65_535),
  y: whole(0, 65_535),
  width: whole(1, 65_535),
  height: whole(1, 65_535),
})

/** What can be wrong without looking at the files; the API's own bounds are narrower. */
const orderShape = z.object({
  jobId,
  generation: whole(1, 2 ** 32 - 1),
  prompt: text,
  negativePrompt: text,
  preset: z.string().regex(/^[a-z0-9-]{1,32}$/),
  referenceIsVideo: z.boolean(),
  voiceMode: z.enum(['ADD', 'PARA']),
  boxes: z.array(box).max(2),
  fps: whole(23, 30),
  frames: whole(1, 30 * 86_400),
  width: side,
  height: side,
  steps: whole(1, 1000),
  shift: z.number().positive().max(100),
  textGuide: guide,
  audioGuide: guide,
  seed: whole(0, 2 ** 32 - 1),
  firstChunk: whole(0, 1_000_000),
})

/** Throws INVALID_ARGUMENT that names every wrong field. */
export function checkOrder(order: Order): CheckedOrder {
  const checked = orderShape.safeParse(order)
  if (!checked.success) throw invalid(`the order is wrong: ${z.prettifyError(checked.error)}`)
  const { data } = checked
  return {
    id: data.jobId,
    generation: data.generation,
    order: {
      prompt: data.prompt,
      negative_prompt: data.negativePrompt,
      preset: data.preset,
      reference_is_video: data.referenceIsVideo,
      voice_mode: data.voiceMode === 'PARA' ? 'para' : 'add',
      boxes: data.boxes,
      fps: data.fps,
      frames: data.frames,
      width: data.width,
      height: data.height,
      steps: data.steps,
      shift: data.shift,
      text_guide: data.textGuide,
      audio_guide: data.audioGuide,
      seed: data.seed,
      first_chunk: data.firstChunk,
    },
  }
}
