import { runFfmpeg, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import type { Size } from '../../workflows/size-buckets.js'
import type { MediaChecking } from './media-checking.js'
import { leastSide, mostPixels } from './check-picture.js'
import { mediaProblem } from './check-voice.js'
import { videoFacts } from './container-facts.js'
import { Problem } from '../http/problems.js'
import type { StoredInput } from '../intake/store-input.js'

const decodeMs = 60_000
const readUrlSeconds = 600

/**
 * The size of a reference video as displayed, in pixels. Its first and its last second must decode, which a file that was cut off does
 * not pass; the media worker decodes all of it.
 */
export async function videoSize(video: StoredInput, checking: MediaChecking, signal: AbortSignal): Promise<Size> {
  const facts = await videoFacts(checking.store, video, signal)
  if (facts === undefined) throw refused('has no picture track that can be read')
  if (facts.codedPixels > mostPixels) throw refused(`has more than ${mostPixels / 1e6} megapixels`)
  if (Math.min(facts.width, facts.height) < leastSide) throw refused(`has a side below ${leastSide} pixels`)

  const url = await checking.store.readUrl(video.key, readUrlSeconds)
  const ends = [['-t', '1'], ...(facts.seconds > 2 ? [['-sseof', '-1']] : [])]
  for (const end of ends) {
    let bytes = 0
    // Sixteen by sixteen grey pixels a frame: enough to see that there is one.
    const output = ['-map', '0:v:0', '-vf', 'scale=16:16', '-pix_fmt', 'gray', '-f', 'rawvideo', 'pipe:1']
    try {
      await runFfmpeg({
        ffmpegPath: checking.ffmpegPath,
        args: ['-xerror', ...end, ...safeInput(url, 'video'), ...output],
        signal,
        timeoutMs: decodeMs,
        stdout: (chunk) => {
          bytes += chunk.length
        },
      })
    } catch (error) {
      throw mediaProblem(error, signal, () => refused('cannot be decoded: it is broken or cut off', error))
    }
    if (bytes === 0) throw refused('holds no frame at its start or its end: it is broken or cut off')
  }
  return { width: facts.width, height: facts.height }
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the video in 'input_reference' ${what}`, { param: 'input_reference', cause })
}
