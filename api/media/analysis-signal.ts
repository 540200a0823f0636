import type { HeardSound } from '../../infra/sound/heard-sound.js'
import { Resampler } from '../../infra/sound/resampler.js'
import { wavHeader } from '../../infra/sound/wav-header.js'
import { analysisRate } from '../../workflows/order.js'

/** What of a sound is analysed: the mean of its channels, or one of them. */
export type HeardChannel = 'both' | 'left' | 'right'

/** The mix of channels that is so much weaker than the louder of them (12 dB) is what they have left of each other. */
const cancelledTo = 1 / 16

/** Makes of a sound what the ranks analyse, 16 kHz, mono, 16 bit, and remembers how long and how loud it is. */
export class AnalysisSignal {
  samples = 0
  /** The loudest sample of either side, 1 being full scale. */
  peak = 0
  /** Sums of squares: of the mean of both sides, and of each. */
  readonly #power = { both: 0, left: 0, right: 0 }
  readonly #channel: HeardChannel

  constructor(channel: HeardChannel) {
    this.#channel = channel
  }

  /** As a WAV whose header leaves its length open: it is written before the sound has ended. */
  async *wav({ rate, pieces }: HeardSound): AsyncIterable<Uint8Array> {
    yield wavHeader(analysisRate)
    const resampler = new Resampler(rate, analysisRate)
    for await (const piece of pieces) yield this.#counted(resampler.push(this.#mono(piece)))
    yield this.#counted(resampler.end())
  }

  /** The louder side of a sound whose sides cancel each other out; undefined for any other. */
  cancelledOut(): 'left' | 'right' | undefined {
    const { both, left, right } = this.#power
    if (both >= Math.max(left, right) * cancelledTo) return undefined
    return left >= right ? 'left' : 'right'
  }

  #mono(stereo: Float32Array): Float32Array {
    const mono = new Float32Array(stereo.length / 2)
    let { both, left, right } = this.#power
    let peak = this.peak
    for (let i = 0; i < mono.length; i++) {
      const l = stereo[2 * i] as number
      const r = stereo[2 * i + 1] as number
      const mean = (l + r) / 2
      both += mean * mean
      left += l * l
      right += r * r
      peak = Math.max(peak, Math.abs(l), Math.abs(r))
      mono[i] = this.#channel === 'both' ? mean : this.#channel === 'left' ? l : r
    }
    Object.assign(this.#power, { both, left, right })
    this.peak = peak
    return mono
  }

  #counted(signal: Float32Array): Uint8Array {
    this.samples += signal.length
    const samples = Int16Array.from(signal, (sample) =>
      Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))),
    )
    return new Uint8Array(samples.buffer)
  }
}
