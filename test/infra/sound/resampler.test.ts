import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Resampler } from '../../../infra/sound/resampler.js'
import { ffmpegPath } from '../../support/api/api-media.js'

const to = 16_000

function resampled(input: Float32Array, from: number, pieces = 1000): number[] {
  const resampler = new Resampler(from, to)
  const made: number[] = []
  for (let at = 0; at < input.length; at += pieces) made.push(...resampler.push(input.subarray(at, at + pieces)))
  return [...made, ...resampler.end()]
}

const sine = (hertz: number, rate: number, length = rate): Float32Array =>
  Float32Array.from({ length }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate))

const decibels = (power: number, of: number): number => 10 * Math.log10(power / of)

/** Away from both ends, where ffmpeg mirrors the sound and we have silence. */
function powers(samples: ArrayLike<number>, others?: ArrayLike<number>): number {
  let sum = 0
  for (let i = 400; i < samples.length - 400; i++) sum += ((samples[i] ?? 0) - (others?.[i] ?? 0)) ** 2
  return sum
}

test('it sounds as ffmpeg does it: 80 dB and more below the sound lies the difference', () => {
  for (const from of [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 44_101, 48_000, 96_000]) {
    // Noise that is the same each time, a tone and a high one.
    let seed = 1
    const noise = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5
    const sound = sine(440, from, from + 333).map((x, i) => x / 2 + 0.2 * Math.sin(i * 0.9) + 0.2 * noise())
    const ours = resampled(sound, from)
    const args = ['-v', 'error', '-f', 'f32le', '-ar', String(from), '-ac', '1', '-i', 'pipe:0', '-ar', String(to)]
    const raw = execFileSync(ffmpegPath(), [...args, '-f', 'f32le', 'pipe:1'], { input: Buffer.from(sound.buffer) })
    const theirs = new Float32Array(new Uint8Array(raw).buffer)
    assert.ok(Math.abs(ours.length - theirs.length) <= 1, `${from}: ${ours.length} and ${theirs.length} samples`)
    // 44,101 has no divisor in common with 16,000: the nearest of 1,024 places has to do.
    assert.ok(decibels(powers(ours, theirs), powers(theirs)) < (from === 44_101 ? -65 : -80), `${from} Hz`)
  }
})

test('the length is exact, whatever pieces the sound comes in', () => {
  for (const [length, from] of [
    [44_100, 44_100],
    [1, 44_100],
    [100_001, 48_000],
    [7, 8_000],
    [12_345, 11_025],
    [0, 22_050],
  ] as const) {
    const input = sine(300, from, length)
    const whole = resampled(input, from, length + 1)
    assert.equal(whole.length, Math.ceil((length * to) / from))
    for (const pieces of [1, 17, 997]) assert.deepEqual(resampled(input, from, pieces), whole)
  }
})

test('a tone stays where and as loud as it is, one that does not fit is gone', () => {
  for (const from of [22_050, 44_100, 48_000]) {
    const kept = resampled(sine(1_000, from), from)
    assert.ok(decibels(powers(kept, sine(1_000, to)), powers(kept)) < -80, `${from} Hz`)
    assert.ok(decibels(powers(resampled(sine(10_000, from), from)), powers(kept)) < -90, `${from} Hz`)
  }
})
