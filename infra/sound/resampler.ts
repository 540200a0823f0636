/**
 * Changes the rate of one channel, piece by piece: a windowed sinc, a row of its values for each place between two samples
 * that an output may fall on. The window is that of ffmpeg's own resampler (libswresample: 32 zero crossings, Kaiser β = 9,
 * cut off at 0.97 of the lower band), and so is the sound: see `test/infra/sound/resampler.test.ts` for figures. Nothing is delayed.
 *
 * `length` samples become `ceil(length × to / from)`.
 */
export class Resampler {
  readonly #up: number
  readonly #down: number
  readonly #filter: Filter
  /** Input that later outputs need; its first sample is `#at` samples after the sound's start (below 0: silence before it). */
  #held: Float32Array
  #at: number
  #read = 0
  #made = 0

  constructor(from: number, to: number) {
    const shared = greatestCommonDivisor(from, to)
    this.#up = to / shared
    this.#down = from / shared
    this.#filter = filterOf(from, to, this.#up)
    this.#at = -this.#filter.half
    this.#held = new Float32Array(this.#filter.half)
  }

  push(input: Float32Array): Float32Array {
    if (this.#up === this.#down) return input
    this.#read += input.length
    this.#hold(input)
    // Outputs whose filter ends within what has come.
    const reach = this.#at + this.#held.length - this.#filter.half
    return this.#make(Math.max(this.#made, Math.ceil((reach * this.#up) / this.#down)))
  }

  /** The rest, once all has come. */
  end(): Float32Array {
    if (this.#up === this.#down) return new Float32Array(0)
    this.#hold(new Float32Array(this.#filter.half + 1))
    return this.#make(Math.ceil((this.#read * this.#up) / this.#down))
  }

  #hold(input: Float32Array): void {
    const next = Math.floor((this.#made * this.#down) / this.#up) - this.#filter.half
    const used = Math.min(Math.max(0, next - this.#at), this.#held.length)
    const held = new Float32Array(this.#held.length - used + input.length)
    held.set(this.#held.subarray(used))
    held.set(input, this.#held.length - used)
    this.#held = held
    this.#at += used
  }

  #make(until: number): Float32Array {
    const { half, taps, phases, rows } = this.#filter
    const held = this.#held
    const made = new Float32Array(until - this.#made)
    for (let i = 0; i < made.length; i++) {
      const place = (this.#made + i) * this.#down
      const before = Math.floor(place / this.#up)
      let row = Math.round(((place - before * this.#up) * phases) / this.#up) * taps
      // The tap at `before` is number half − 1.
      const first = before - half + 1 - this.#at
      let sum = 0
      for (let at = first; at < first + taps; at++) sum += (held[at] as number) * (rows[row++] as number)
      made[i] = sum
    }
    this.#made = until
    return made
  }
}

/** Rows of `taps` values, one for each of `phases` + 1 places from a sample to the next. */
type Filter = { half: number; taps: number; phases: number; rows: Float32Array }

const zeroCrossings = 32
const cutOff = 0.97
const kaiserBeta = 9
/** Rates without a common divisor would need a row for every output of a second: the nearest of so many does. */
const mostPhases = 1024

const made = new Map<string, Filter>()

function filterOf(from: number, to: number, up: number): Filter {
  const key = `${from} ${to}`
  const known = made.get(key)
  if (known !== undefined) return known
  const filter = makeFilter(Math.min(1, (to * cutOff) / from), Math.min(up, mostPhases))
  // Anybody may send any rate: what is kept of them stays small.
  if (made.size >= 16) made.clear()
  made.set(key, filter)
  return filter
}

function makeFilter(factor: number, phases: number): Filter {
  const half = Math.ceil(zeroCrossings / factor / 2)
  const taps = 2 * half
  const rows = new Float32Array(taps * (phases + 1))
  for (let phase = 0; phase <= phases; phase++) {
    const row = rows.subarray(phase * taps, (phase + 1) * taps)
    let sum = 0
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - (half - 1) - phase / phases
      const x = Math.PI * distance * factor
      const edge = distance / half
      const window = Math.abs(edge) > 1 ? 0 : bessel(kaiserBeta * Math.sqrt(1 - edge * edge))
      row[tap] = (x === 0 ? 1 : Math.sin(x) / x) * window
      sum += row[tap] as number
    }
    for (let tap = 0; tap < taps; tap++) row[tap] = (row[tap] as number) / sum
  }
  return { half, taps, phases, rows }
}

/** The modified Bessel function of order 0. */
function bessel(x: number): number {
  let term = 1
  let sum = 1
  for (let n = 1; term > sum * 1e-12; n++) {
    term *= (x / (2 * n)) ** 2
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
