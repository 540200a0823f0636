import { soundSamples } from '../../workflows/chunk-plan.js'
import { analysisRate, type Order } from '../../workflows/order.js'

/** Samples per second of the finished file's sound: three times the analysis rate, so lengths carry over exactly. */
export const soundRate = 48_000
const perAnalysisSample = soundRate / analysisRate

/**
 * The filter graph that makes the file's sound of the voices' stereo tracks, inputs `firstInput` and the next: 48 kHz stereo,
 * exactly as long as the voices' samples say, then `silence` samples at 48 kHz. Its output is `[sound]`.
 */
export function soundFilter({ voices, parameters }: Order, firstInput: number, silence: number): string {
  const { audio_type } = parameters
  const lengths = voices.map((voice) => voice.samples * perAnalysisSample)
  const each = voices.map(
    (_, i) => `[${firstInput + i}:a:0]aresample=${soundRate},${exactly(lengths[i] ?? 0)}[voice${i}]`,
  )
  const labels = voices.map((_, i) => `[voice${i}]`).join('')
  const joined = audio_type === 'add' ? `concat=n=${voices.length}:v=0:a=1` : both(voices.length)
  const length = soundSamples(lengths, audio_type)
  return [...each, `${labels}${joined},${exactly(length + silence)}[sound]`].join(';')
}

const exactly = (samples: number): string => `apad,atrim=end_sample=${samples}`

/** Both at their own level (amix would halve them), kept from clipping where they meet; the limiter's delay is made up for. */
function both(voices: number): string {
  if (voices === 1) return 'anull'
  return `amix=inputs=${voices}:duration=longest:normalize=0,alimiter=limit=0.97:level=false:latency=true`
}
