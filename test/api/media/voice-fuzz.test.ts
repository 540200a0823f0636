import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Problem } from '../../../api/http/problems.js'
import { mutated } from '../../support/media/mutations.js'
import { sendVoices } from '../../support/media/sent-voices.js'
import { VoiceFiles, voiceFormats } from '../../support/media/voice-files.js'

// FUZZ_FILES: harmed files of each kind; `npm run test:fuzz` sends 2,000. FUZZ_KINDS=caf,webm: some kinds. FUZZ_SEED: the same files again.
const count = Number(process.env['FUZZ_FILES'] ?? 2)
const kinds = (process.env['FUZZ_KINDS'] ?? '').split(',')
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
const files = new VoiceFiles()
after(() => files[Symbol.dispose]())

/** Processes that this one has started and that still run. */
function children(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim()
}

for (const [name, args] of voiceFormats.filter(([known]) => kinds.some((kind) => known.includes(kind)))) {
  test(`harmed files are taken or refused, whatever is wrong with them, and leave nothing: ${name}`, async () => {
    const whole = files.make(`short-${name}`, args, 'sine=300:d=0.6:r=44100')
    let taken = 0
    const send = async (number: number): Promise<void> => {
      const file = mutated(whole, number)
      try {
        await sendVoices([file])
        taken++
      } catch (error) {
        const isRefusal = error instanceof Problem && error.type === 'invalid_file'
        if (!isRefusal)
          throw new Error(`FUZZ_SEED=${number}: ${file.subarray(0, 64).toString('hex')}…`, { cause: error })
      }
    }
    let next = seed
    const sender = async (): Promise<void> => {
      while (next < seed + count) await send(next++)
    }
    await Promise.all([sender(), sender(), sender()])
    assert.equal(children(), '')
    assert.ok(count < 50 || (taken > 0 && taken < count), `${taken} of ${count} were taken`)
  })
}
