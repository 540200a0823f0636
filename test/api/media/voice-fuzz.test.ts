import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Problem } from '../../../api/http/problems.js'
import { sendVoices } from '../../support/media/sent-voices.js'
import { VoiceFiles, voiceFormats } from '../../support/media/voice-files.js'

// FUZZ_FILES: harmed files of each kind; `npm run test:fuzz` sends 2,000. FUZZ_KINDS=caf,webm: some kinds. FUZZ_SEED: the same files again.
const count = Number(process.env['FUZZ_FILES'] ?? 2)
const kinds = (process.env['FUZZ_KINDS'] ?? '').split(',')
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
const files = new VoiceFiles()
after(() => files[Symbol.dispose]())

/** Whole numbers below `below`, the same each time for a seed. */
function numbers(from: number): (below: number) => number {
  let state = from || 1
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

const extremes = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff7]

/** A file as transfers, broken programs and attackers make it: some harms of random kinds, most of them near its start. */
function harmed(whole: Buffer, next: (below: number) => number): Buffer {
  let bytes = Buffer.from(whole)
  for (let harms = 1 + next(4); harms > 0 && bytes.length > 16; harms--) {
    const at = next(next(2) === 0 ? Math.min(bytes.length, 400) : bytes.length)
    const length = next(600)
    switch (next(7)) {
      case 0:
        for (let flips = 1 + next(20); flips > 0; flips--) bytes[Math.min(at + next(50), bytes.length - 1)] = next(256)
        break
      case 1:
        bytes = bytes.subarray(0, at)
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      case 4:
        bytes.subarray(at, at + length).fill(next(2) === 0 ? 0 : 255)
        break
      default: {
        const value = extremes[next(extremes.length)] ?? 0
        if (at + 4 > bytes.length) break
        if (next(2) === 0) bytes.writeUInt32LE(value, at)
        else bytes.writeUInt32BE(value, at)
      }
    }
  }
  return bytes
}

/** Processes that this one has started and that still run. */
function children(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim()
}

for (const [name, args] of voiceFormats.filter(([known]) => kinds.some((kind) => known.includes(kind)))) {
  test(`harmed files are taken or refused, whatever is wrong with them, and leave nothing: ${name}`, async () => {
    const whole = files.make(`short-${name}`, args, 'sine=300:d=0.6:r=44100')
    const next = numbers(seed)
    let taken = 0
    const send = async (): Promise<void> => {
      const file = harmed(whole, next)
      try {
        await sendVoices([file])
        taken++
      } catch (error) {
        const isRefusal = error instanceof Problem && error.type === 'invalid_file'
        if (!isRefusal) throw new Error(`seed ${seed}: ${file.subarray(0, 64).toString('hex')}…`, { cause: error })
      }
    }
    let left = count
    const sender = async (): Promise<void> => {
      while (left-- > 0) await send()
    }
    await Promise.all([sender(), sender(), sender()])
    assert.equal(children(), '')
    assert.ok(count < 50 || (taken > 0 && taken < count), `${taken} of ${count} were taken`)
  })
}
