import type { HeardSound } from '../../../infra/sound/heard-sound.js'
import { Resampler } from '../../../infra/sound/resampler.js'
import { wavHeader } from '../../../infra/sound/wav-header.js'
import { integersOf } from '../../../infra/sound/wav-samples.js'
import { analysisRate } from '../../../workflows/order.js'

/** What of a sound is analysed: the mean of its sides, or one of them; and how many times as loud. */
export type Hearing = { channel: 'both' | 'left' | 'right'; gain: number }

export const usualHearing: Hearing = { channel: 'both', gain: 1 }

/** A sound whose loudest sample stays below −60 dBFS, on either side, is silence. */
const silentPeak = 10 ** (-60 / 20)
/** The mix of sides that is so much weaker than the louder of them (12 dB) is what they have left of each other. */
const cancelledTo = 1 / 16
/** Below −34 dBFS 16 bits become few, and the ranks' meter, which hears nothing below −70 LUFS, may find no voice. */
const quietPeak = 10 ** (-34 / 20)
const raisedPeak = 0.5

/** Makes of a sound what the ranks analyse, 16 kHz, mono, 16 bit, and remembers how long and how loud it is. */
export class AnalysisSignal {
  samples = 0
  readonly #hearing: Hearing
  /** Of the mean of both sides, and of each: the loudest sample, 1 being full scale, and the sum of squares. */
  readonly #peak = { both: 0, left: 0, right: 0 }
  readonly #power = { both: 0, left: 0, right: 0 }

  constructor(hearing: Hearing) {
    this.#hearing = hearing
  }

  /** As a WAV whose header leaves its length open: it is written before the sound has ended. */
  async *wav({ rate, pieces }: HeardSound): AsyncIterable<Uint8Array> {
    yield wavHeader(analysisRate)
    const resampler = new Resampler(rate, analysisRate)
    for await (const piece of pieces) yield this.#counted(resampler.push(this.#mono(piece)))
    yield this.#counted(resampler.end())
  }

  get isSilent(): boolean {
    return Math.max(this.#peak.left, this.#peak.right) < silentPeak
  }

  /** How the sound is heard better than usual; undefined where it is not. */
  betterHearing(): Hearing | undefined {
    if (this.isSilent) return undefined
    const { both, left, right } = this.#power
    const louder = left >= right ? 'left' : 'right'
    const channel = both < Math.max(left, right) * cancelledTo ? louder : 'both'
    const peak = this.#peak[channel]
    if (channel === 'both' && peak >= quietPeak) return undefined
    return { channel, gain: peak < quietPeak ? raisedPeak / peak : 1 }
  }

  /** Locals, since this is all that a plain WAV costs. */
  #mono(stereo: Float32Array): Float32Array {
    const mono = new Float32Array(stereo.length / 2)
    const { channel, gain } = this.#hearing
    const [ofLeft, ofRight] = { both: [gain / 2, gain / 2], left: [gain, 0], right: [0, gain] }[channel] as [
      number,
      number,
    ]
    let [bothPeak, leftPeak, rightPeak, bothPower, leftPower, rightPower] = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < mono.length; i++) {
      const left = stereo[2 * i] as number
      const right = stereo[2 * i + 1] as number
      const both = (left + right) / 2
      bothPower += both * both
      leftPower += left * left
      rightPower += right * right
      bothPeak = Math.max(bothPeak, Math.abs(both))
      leftPeak = Math.max(leftPeak, Math.abs(left))
      rightPeak = Math.max(rightPeak, Math.abs(right))
      mono[i] = left * ofLeft + right * ofRight
    }
    this.#add('both', bothPeak, bothPower)
    this.#add('left', leftPeak, leftPower)
    this.#add('right', rightPeak, rightPower)
    return mono
  }

  #add(channel: Hearing['channel'], peak: number, power: number): void {
    this.#peak[channel] = Math.max(this.#peak[channel], peak)
    this.#power[channel] += power
  }

  #counted(signal: Float32Array): Uint8Array {
    this.samples += signal.length
    return new Uint8Array(integersOf(signal).buffer)
  }
}
