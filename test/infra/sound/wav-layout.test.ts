import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesInMemory } from '../../../infra/sound/file-bytes.js'
import { wavLayout } from '../../../infra/sound/wav-layout.js'
import { fmtChunk, riff, riffChunk, tone } from '../../support/media/wav-files.js'

const samples = 20_000
const sound = tone(samples)

/** Samples of each segment, and how much is missing. */
async function found(file: Buffer): Promise<{ samples: number[]; missing: number }> {
  const layout = await wavLayout(bytesInMemory(file))
  assert.equal(layout?.kind, 'readable')
  const lengths = layout.segments.map(({ start, end, format }) => Math.floor((end - start) / format.frameBytes))
  return { samples: lengths, missing: layout.missingShare }
}

const wav = (dataSize?: number, riffSize?: number, ...behind: Buffer[]): Buffer =>
  riff([fmtChunk(), riffChunk('data', sound, dataSize), ...behind], riffSize === undefined ? {} : { size: riffSize })

test('a length that nobody knew when it was written ends with the file, whatever was written', async () => {
  for (const size of [0, 0x7fff_ffff, 0x7fff_f000, 2_000_000_000, 0xffff_ffff, 0xffff_ffff - 36, 0x8000_0000]) {
    assert.deepEqual(await found(wav(size, size)), { samples: [samples], missing: 0 }, String(size))
  }
})

test('a length that is somewhat wrong is not believed', async () => {
  // The header counted twice, and one that lacks the last samples.
  assert.deepEqual((await found(wav(sound.length + 44))).samples, [samples])
  assert.deepEqual((await found(wav(sound.length + 1))).samples, [samples])
})

test('what is missing is told, so that a file that was cut off is known', async () => {
  const cut = wav().subarray(0, 44 + sound.length / 2)
  assert.deepEqual(await found(cut), { samples: [samples / 2], missing: 0.5 })
})

test('chunks behind the samples are no sound, be the length known or not', async () => {
  const list = riffChunk('LIST', Buffer.from('INFOISFT\x05\0\0\0Lavf\0\0', 'latin1'))
  const c2pa = riffChunk('C2PA', Buffer.alloc(50_001, 0x5a))
  const id3 = riffChunk('id3 ', Buffer.alloc(300, 1))
  for (const size of [undefined, 0, 0xffff_ffff]) {
    assert.deepEqual((await found(wav(size, undefined, list, c2pa))).samples, [samples], String(size))
    assert.deepEqual((await found(wav(size, undefined, c2pa, Buffer.alloc(1), id3))).samples, [samples], String(size))
  }
  // An odd length, with the pad byte that the format asks for and without.
  const odd = Buffer.alloc(1001, 128)
  for (const pad of [Buffer.alloc(0), Buffer.alloc(1)]) {
    const file = riff([fmtChunk({ bits: 8 }), riffChunk('data', odd), pad, list])
    assert.deepEqual((await found(file)).samples, [1001])
  }
})

test('junk in front, between and behind is passed over', async () => {
  const page = Buffer.from('<html><body>502 Bad Gateway</body></html>'.repeat(20))
  const zeros = Buffer.alloc(5_000)
  const id3 = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\x01\0', 'latin1'), Buffer.alloc(128, 65)])
  for (const junk of [page, zeros, id3]) {
    assert.deepEqual((await found(Buffer.concat([junk, wav()]))).samples, [samples])
    assert.deepEqual((await found(Buffer.concat([wav(), junk]))).samples, [samples])
    assert.deepEqual((await found(Buffer.concat([wav(), junk, wav()]))).samples, [samples, samples])
  }
  const wrong = riff([riffChunk('JUNK', Buffer.alloc(28), 29), fmtChunk(), riffChunk('data', sound)])
  assert.deepEqual((await found(wrong)).samples, [samples])
})

test('of whole files one behind the other all is sound, with any length in their headers', async () => {
  for (const size of [undefined, 0, 0xffff_ffff]) {
    const three = Buffer.concat([wav(size, size), wav(size, size), wav(size, size)])
    assert.deepEqual((await found(three)).samples, [samples, samples, samples], String(size))
  }
})

test('RF64 and BW64 have their length in a chunk of their own, or nowhere', async () => {
  for (const id of ['RF64', 'BW64']) {
    for (const length of [sound.length, 0, 0xffff_ffff]) {
      const sizes = Buffer.alloc(28)
      sizes.writeBigUInt64LE(BigInt(length), 8)
      const chunks = [riffChunk('ds64', sizes), fmtChunk(), riffChunk('data', sound, 0xffff_ffff)]
      assert.deepEqual((await found(riff(chunks, { id, size: 0xffff_ffff }))).samples, [samples])
    }
  }
})

test('what holds no samples, and what is no WAV, is told apart', async () => {
  assert.deepEqual((await found(riff([fmtChunk()]))).samples, [])
  assert.deepEqual((await found(riff([riffChunk('data', sound)]))).samples, [])
  assert.deepEqual((await found(riff([fmtChunk({ channels: 0 }), riffChunk('data', sound)]))).samples, [])
  assert.equal(
    (await wavLayout(bytesInMemory(riff([fmtChunk({ tag: 0x11 }), riffChunk('data', sound)]))))?.kind,
    'other',
  )
  for (const bytes of ['', 'RIFF', 'RIFF1234AVI ', 'ID3']) {
    assert.equal(await wavLayout(bytesInMemory(Buffer.from(bytes))), undefined)
  }
})
