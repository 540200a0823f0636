import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { refusedCodings, voiceKinds } from '../../../api/intake/voice-kinds.js'
import { ffmpeg, toneWav } from '../../support/api/api-media.js'
import { refusalOf, sendVoices } from '../../support/media/sent-voices.js'
import { VoiceFiles, voiceFormats } from '../../support/media/voice-files.js'
import { floats, fmtChunk, riff, riffChunk, tone } from '../../support/media/wav-files.js'

const files = new VoiceFiles()
after(() => files[Symbol.dispose]())

const secondsOf = async (file: Buffer): Promise<number> => ((await sendVoices([file])).voices[0]?.samples ?? 0) / 16_000
const peakOf = (signal: number[] = []): number => signal.reduce((peak, x) => Math.max(peak, Math.abs(x)), 0)

/** How much of a signal is a tone of 300 Hz. */
function toneShare(signal: number[] = []): number {
  let [sine, cosine, all] = [0, 0, 0]
  for (const [i, x] of signal.entries()) {
    sine += x * Math.sin((2 * Math.PI * 300 * i) / 16_000)
    cosine += x * Math.cos((2 * Math.PI * 300 * i) / 16_000)
    all += x * x
  }
  return (2 * (sine ** 2 + cosine ** 2)) / signal.length / all
}

for (const [name, args] of voiceFormats) {
  test(`a voice is known by its bytes and heard whole: ${name}`, async () => {
    const { voices, signals } = await sendVoices([files.make(name, args)])
    const seconds = (voices[0]?.samples ?? 0) / 16_000
    assert.ok(Math.abs(seconds - 3) < 0.08, `${seconds} s`)
    assert.ok(toneShare(signals[0]) > 0.97, String(toneShare(signals[0])))
  })
}

test('samples are exact where the format keeps them', async () => {
  for (const name of ['16.wav', 'rf64.wav', 'usual.flac', 'usual.aiff', 'usual.caf', 'lossless.m4a']) {
    const [, args] = voiceFormats.find(([known]) => known === name) ?? []
    assert.equal(await secondsOf(files.make(name, args)), 3, name)
  }
})

test('tags, pictures and junk around the sound are passed over', async () => {
  const mp3 = files.make('usual.mp3')
  const zeros = Buffer.alloc(6_000)
  const page = Buffer.from('<html><body>502 Bad Gateway</body></html>'.repeat(100))
  const id3 = (bytes: number) =>
    Buffer.concat([Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, 0, bytes >> 7, bytes & 127]), Buffer.alloc(bytes)])
  const ape = Buffer.alloc(32 + 100)
  ape.write('APETAGEX', 'latin1')
  ape.writeUInt32LE(2000, 8)
  ape.writeUInt32LE(100, 12)
  ape.writeUInt32LE(0xa000_0000, 20)
  for (const [name, file] of Object.entries({
    'zeros in front': [zeros, mp3],
    'zeros behind': [mp3, zeros],
    'a web page in front': [page, mp3],
    'a web page in front of a WAV': [page, files.make('16.wav')],
    'a web page behind': [mp3, page],
    'two tags in front': [id3(300), id3(1000), mp3],
    'a tag in front of a FLAC': [id3(300), files.make('usual.flac')],
    'a tag in front of a WAV': [id3(300), files.make('16.wav')],
    'APE in front': [ape, mp3],
    'zeros behind an Ogg': [files.make('usual.opus'), zeros],
  })) {
    assert.ok(Math.abs((await secondsOf(Buffer.concat(file))) - 3) < 0.1, name)
  }
})

test('a WAV of the other byte order is read', async () => {
  const swapped = Buffer.from(files.make('16.wav').subarray(78)).swap16()
  const fmt = Buffer.from('000100010000ac440001588800020010', 'hex')
  const chunk = (id: string, bytes: Buffer) => {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(bytes.length)
    return Buffer.concat([Buffer.from(id), size, bytes])
  }
  const body = Buffer.concat([Buffer.from('WAVE'), chunk('fmt ', fmt), chunk('data', Buffer.from(swapped))])
  assert.ok(Math.abs((await secondsOf(chunk('RIFX', body))) - 3) < 0.01)
})

test('of whole files one behind the other all is sound', async () => {
  const [mp3, wav] = [files.make('usual.mp3'), files.make('16.wav')]
  assert.ok(Math.abs((await secondsOf(Buffer.concat([mp3, mp3, mp3]))) - 9) < 0.2)
  assert.equal(await secondsOf(Buffer.concat([wav, wav])), 6)
})

test('a trimmed recording is as long as it plays, and a film as long as its first sound', async () => {
  const source = 'sine=300:d=60:r=48000'
  const trimmed = files.make('trimmed.m4a', ['-ss', '0.5', '-t', '2', '-c:a', 'aac'], source)
  assert.ok(Math.abs((await secondsOf(trimmed)) - 2) < 0.05)
  const film = [
    '-f',
    'lavfi',
    '-i',
    'testsrc=s=64x64:r=10:d=20',
    '-f',
    'lavfi',
    '-i',
    'sine=900:d=5',
    '-map',
    '0',
    '-map',
    '1',
    '-map',
    '2',
  ]
  for (const name of ['film.mp4', 'film.mov', 'film.mkv']) {
    const { voices, signals } = await sendVoices([files.make(name, [...film, '-pix_fmt', 'yuv420p'])])
    assert.ok(Math.abs((voices[0]?.samples ?? 0) / 16_000 - 3) < 0.1, name)
    assert.ok(toneShare(signals[0]) > 0.95, name)
  }
  const silent = ffmpeg(
    ...'-f lavfi -i testsrc=s=64x64:d=1 -pix_fmt yuv420p -movflags +frag_keyframe -f mp4 pipe:1'.split(' '),
  )
  assert.match(await refusalOf([silent]), /no sound track/)
})

test('what was cut off is refused with both lengths, unless what is missing is little', async () => {
  const source = 'sine=300:d=10:r=44100'
  // Neither counts its frames, so that what is left of it is a shorter, sound file.
  const uncounted = /plain|mp2|ogg|oga|opus|usual\.aac|browser|fragmented/
  for (const [name, args] of voiceFormats) {
    const whole = files.make(`long-${name}`, args, source)
    const part = (share: number) => whole.subarray(0, Math.floor(whole.length * share))
    if (uncounted.test(name)) assert.ok((await secondsOf(part(0.6))) < 7, name)
    else assert.match(await refusalOf([part(0.6)]), /lasts 10\.\d s, and only \d\.\d s|broken or cut off/, name)
  }
  assert.equal(await secondsOf(toneWav(10).subarray(0, 44 + 32_000 * 9.6)), 9.6)
  assert.equal(await secondsOf(toneWav(2).subarray(0, 44 + 32_000 * 1.1)), 1.1)
  assert.match(await refusalOf([toneWav(10).subarray(0, 44 + 32_000 * 8)]), /lasts 10\.0 s, and only 8\.0 s/)
})

test('a kind that is not taken is refused by its name', async () => {
  const made = (codec: string, format: string) =>
    ffmpeg('-f', 'lavfi', '-i', 'sine=300:d=1:r=8000', '-ac', '1', '-c:a', codec, '-f', format, 'pipe:1')
  const head = (text: string) => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(2_000, 7)])
  const named: [RegExp, Buffer][] = [
    [/AMR/, head('#!AMR\n')],
    [/WMA/, made('wmav2', 'asf')],
    [/WAV with WMA/, made('wmav2', 'wav')],
    [/WAV with GSM/, riff([fmtChunk({ tag: 0x31 }), riffChunk('data', tone(8_000))])],
    [/WAV with coding 0x1234/, riff([fmtChunk({ tag: 0x1234 }), riffChunk('data', tone(8_000))])],
    [/Dolby Digital/, made('ac3', 'ac3')],
    [/Dolby Digital/, made('ac3', 'matroska')],
    [/MIDI/, head('MThd\0\0\0\x06\0\x01\0\x01\0\x60')],
    [/M4P/, head('\0\0\0\x20ftypM4P \0\0\0\0')],
    [/Wave64/, made('pcm_s16le', 'w64')],
    [/Sun AU/, made('pcm_s16be', 'au')],
    [/WavPack/, made('wavpack', 'wv')],
    [/SILK/, head('\x02#!SILK_V3')],
    [/AVI/, made('pcm_s16le', 'avi')],
    [/HTML/, Buffer.from('<!DOCTYPE html><html><body>404</body></html>')],
    [/JSON/, Buffer.from('{"error": {"message": "no such voice"}}')],
  ]
  for (const [name, file] of named) {
    const message = await refusalOf([file])
    assert.match(message, name)
    assert.match(message, /not taken; (convert|send)/)
    assert.doesNotMatch(message, /broken/, String(name))
  }
  assert.match(await refusalOf([Buffer.alloc(5_000)]), /none of these/)
  // The words of a refusal must be the taken kinds' own.
  assert.ok(voiceKinds.every(({ name }) => name !== ''))
  assert.ok([...refusedCodings.values()].every((name) => name !== ''))
})

const stereo = (left: (i: number) => number, right: (i: number) => number): Buffer => {
  const both = Array.from({ length: 16_000 }, (_, i) => [left(i), right(i)]).flat()
  return riff([fmtChunk({ tag: 3, bits: 32, channels: 2 }), riffChunk('data', floats(both))])
}
const sine = (level: number) => (i: number) => level * Math.sin((2 * Math.PI * 300 * i) / 16_000)

test('channels that cancel each other out are not mixed: the louder one is analysed', async () => {
  const loudness = async (file: Buffer) => peakOf((await sendVoices([file])).signals[0])
  assert.ok(Math.abs((await loudness(stereo(sine(0.5), sine(-0.5)))) - 0.5) < 0.01)
  assert.ok(Math.abs((await loudness(stereo(sine(0.4), sine(-0.5)))) - 0.5) < 0.01)
  // One side alone is no such thing, nor are two voices.
  assert.ok(Math.abs((await loudness(stereo(sine(0.5), () => 0))) - 0.25) < 0.01)
  assert.ok(Math.abs((await loudness(stereo(sine(0.5), sine(0.3)))) - 0.4) < 0.01)
})

test('a quiet voice is a voice, on whichever side it is; one below -60 dBFS is silence', async () => {
  const { signals } = await sendVoices([stereo(() => 0, sine(10 ** (-50 / 20)))])
  // As loud as others for who analyses it.
  assert.ok(Math.abs(peakOf(signals[0]) - 0.5) < 0.01)
  assert.ok(toneShare(signals[0]) > 0.99)
  await sendVoices([toneWav(1, 0.0012)])
  assert.match(await refusalOf([toneWav(1, 0.0009)]), /silent.*audio_type=para/)
  assert.match(
    await refusalOf([
      stereo(
        () => 0,
        () => NaN,
      ),
    ]),
    /silent/,
  )
})

test('beside one who speaks, at once, a person may only listen', async () => {
  const [voice, silence] = [toneWav(1), toneWav(2, 0)]
  const { voices } = await sendVoices([voice, silence], 'para')
  assert.deepEqual(
    voices.map(({ isSilent }) => isSilent ?? false),
    [false, true],
  )
  assert.match(await refusalOf([voice, silence], 'add'), /silent/)
  assert.match(await refusalOf([silence, silence], 'para'), /every voice/)
  assert.match(await refusalOf([silence], 'para'), /silent/)
})

test('a voice is refused for being short, long, or longer together with the other', async () => {
  assert.match(await refusalOf([toneWav(0.39)]), /0\.39 s long/)
  await sendVoices([toneWav(0.4)])
  await sendVoices([toneWav(10)], 'add', 10)
  for (const file of [toneWav(10.01), files.make('long.flac', [], 'sine=300:d=12')]) {
    assert.match(await refusalOf([file], 'add', 10), /longer than 10 s/)
  }
  assert.match(await refusalOf([toneWav(6), toneWav(5)], 'add', 10), /together are 11\.0 s/)
})

test('a voice too large to be kept in memory is read back in parts, to the same signal', async () => {
  const long = tone(1_200_000)
  const { voices, signals } = await sendVoices([riff([fmtChunk({ rate: 48_000 }), riffChunk('data', long)])])
  assert.equal(voices[0]?.samples, 400_000)
  assert.ok(Math.abs(peakOf(signals[0]?.slice(1000, -1000)) - 0.5) < 0.01)
})
