import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import sharp from 'sharp'
import { Problem } from '../../../api/http/problems.js'
import { ffmpeg, ffmpegPath } from '../../support/api/api-media.js'
import { alphaCodecs } from '../../support/media/alpha-codecs.js'
import { mutated } from '../../support/media/mutations.js'
import { animatedPng } from '../../support/media/odd-pictures.js'
import { takeReference } from '../../support/media/taken-reference.js'

// Each kind of reference, broken in so many ways: FUZZ_FILES=2000 npm run test:fuzz. A crash of a picture's decoder ends this process.
const files = Number(process.env['FUZZ_FILES'] ?? 25)
const longestMs = 60_000

const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
after(() => rmSync(folder, { recursive: true }))

const noise = { type: 'gaussian', mean: 128, sigma: 50 } as const
const noisy = sharp({ create: { width: 72, height: 64, channels: 3, background: 'grey', noise } })
const [one, other] = [await noisy.clone().png().toBuffer(), await noisy.clone().negate().png().toBuffer()]
const pages = sharp([one, other], { join: { animated: true } })

const pictures: Record<string, Buffer | Promise<Buffer>> = {
  png: one,
  apng: animatedPng(one, other),
  jpeg: noisy.clone().jpeg().toBuffer(),
  cmyk: noisy.clone().toColourspace('cmyk').jpeg().toBuffer(),
  webp: pages.clone().webp({ quality: 60 }).toBuffer(),
  gif: pages.clone().gif().toBuffer(),
  avif: noisy.clone().avif({ effort: 0 }).toBuffer(),
}

const film = (name: string, ...args: string[]): Buffer => {
  ffmpeg('-y', '-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=10:d=0.6', ...args, join(folder, name))
  return readFileSync(join(folder, name))
}
const films: Record<string, Buffer> = {
  h264: film('a.mp4', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '3'),
  prores: film('a.mov', '-c:v', 'prores'),
  'prores with alpha': film('b.mov', ...alphaCodecs.prores),
  'motion jpeg': film('c.mov', '-c:v', 'mjpeg'),
  'vp8 with alpha': film('a.webm', ...alphaCodecs.vp8),
  'vp9 with alpha': film('b.webm', ...alphaCodecs.vp9),
}

/** What a mutated file may come to: taken, with what the ranks read, or refused as the client's. Never a fault of ours, never a wait. */
async function outcome(sent: Buffer, what: string): Promise<'taken' | 'refused'> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`${what} takes longer than ${longestMs / 1000} s`)), longestMs).unref()
  })
  try {
    const { made, reference } = await Promise.race([takeReference(sent, { seconds: 0.5 }), late])
    if (reference.kind === 'picture') assert.equal((await sharp(made).metadata()).channels, 3, what)
    assert.ok(made.length > 0, what)
    return 'taken'
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return 'refused'
    throw new Error(`${what}: ${String(error)}`, { cause: error })
  }
}

const cap = (kind: string): number => Math.max(5, kind in pictures ? files : Math.ceil(files / filmsCost))
/** A film costs three processes, a picture none: in the gate they get fewer. */
const filmsCost = files > 100 ? 1 : 5

for (const [kind, source] of Object.entries({ ...pictures, ...films })) {
  test(`${kind}, broken in any way, is taken or refused: no crash, no hang, nothing left`, async (t) => {
    const whole = await source
    assert.equal(await outcome(whole, kind), 'taken')
    const seen = { taken: 0, refused: 0 }
    for (let seed = 1; seed <= cap(kind); seed++) seen[await outcome(mutated(whole, seed), `${kind}, seed ${seed}`)]++
    t.diagnostic(`${seen.taken} taken, ${seen.refused} refused`)
    assert.deepEqual(childrenOfOurs(), [])
    assert.deepEqual(
      readdirSync(folder).filter((name) => !/^[abc]\./.test(name)),
      [],
    )
  })
}

/** Processes of ffmpeg that this one has started and that have not ended. */
function childrenOfOurs(): string[] {
  const all = execFileSync('ps', ['--ppid', String(process.pid), '-o', 'args='], { encoding: 'utf8' }).split('\n')
  return all.filter((args) => args.includes(ffmpegPath()))
}
