import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { filmFacts } from '../../../api/media/film/film-facts-in-thread.js'
import { orderNote } from '../../../workflows/video/order-note.js'
import { anAcceptedOrder } from '../../support/api/an-order.js'
import { alphaCodecs } from '../../support/media/alpha-codecs.js'
import { ffmpeg } from '../../support/api/api-media.js'
import { MemoryObjectStore } from '../../support/faults/memory-object-store.js'
import { refusedReference, takeReference, type TakingOptions } from '../../support/media/taken-reference.js'

const folder = mkdtempSync(join(tmpdir(), 'films-'))
after(() => rmSync(folder, { recursive: true }))
const inFolder = (name: string): string => join(folder, name)

/** Makes a film with ffmpeg; the arguments are all but the output. */
function film(name: string, ...args: string[]): Buffer {
  ffmpeg('-y', ...args, inFolder(name))
  return readFileSync(inFolder(name))
}

/** So many seconds of each colour, as an input of ffmpeg's. */
function colours(seconds: number, names: string[], { size = '128x96', rate = '10' } = {}): string[] {
  const each = names.map((name, i) => `color=${name}:s=${size}:r=${rate}:d=${seconds}[c${i}]`)
  const all = names.map((_, i) => `[c${i}]`).join('')
  return ['-f', 'lavfi', '-i', `${each.join(';')};${all}concat=n=${names.length}`]
}

const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
const tone = (seconds: number): string[] => ['-f', 'lavfi', '-i', `sine=300:d=${seconds}`]
const [red, green, blue] = ['red', 'lime', 'blue']

/** What the ranks read of a film: its size, and each frame's middle, by the name of its colour. */
async function shown(sent: Buffer, options?: TakingOptions) {
  const { reference, made } = await takeReference(sent, options)
  const path = inFolder('made.mp4')
  writeFileSync(path, made)
  // As the ranks do: the frames that there are, by their number.
  const scaled = [
    '-noautorotate',
    '-i',
    path,
    '-fps_mode',
    'passthrough',
    '-vf',
    'crop=8:8,scale=1:1',
    '-pix_fmt',
    'rgb24',
  ]
  const raw = ffmpeg(...scaled, '-f', 'rawvideo', 'pipe:1')
  const frames = Array.from({ length: raw.length / 3 }, (_, at) => [...raw.subarray(at * 3, at * 3 + 3)])
  const times = ffmpeg('-i', path, '-c', 'copy', '-f', 'framecrc', 'pipe:1').toString()
  const stamps = [...times.matchAll(/^0,.*?,\s*(\d+),\s*(\d+),/gm)].map(([, at, lasts]) => Number(at) / Number(lasts))
  const inOrder = stamps.sort((a, b) => a - b) // they are decoded in another one
  assert.deepEqual(inOrder, [...frames.keys()], 'one frame follows the other')
  const size = /^#dimensions 0: (\S+)$/m.exec(times)?.[1]
  assert.equal(size, `${reference.width}x${reference.height}`)
  const note = orderNote({ ...anAcceptedOrder('video_1'), reference })
  return { reference, frames, named: frames.map(nameOf), note }
}

function nameOf([r = 0, g = 0, b = 0]: number[]): string {
  const bright = [r > 128 && 'red', g > 128 && 'lime', b > 128 && 'blue'].filter((name) => name !== false)
  return bright.join('+') || 'black'
}

/** Names that follow each other, each with how often. */
const runs = (named: string[]): [string, number][] =>
  named.reduce<[string, number][]>((all, name) => {
    const last = all.at(-1)
    if (last?.[0] === name) last[1] += 1
    else all.push([name, 1])
    return all
  }, [])

test('a film keeps its time, whatever its rate, its clock or its sound', async () => {
  const plain = colours(1, [red, blue])
  const two = [
    ['red', 24],
    ['blue', 24],
  ]
  const films: Record<string, Buffer> = {
    'sound longer than the picture': film('a.mp4', ...plain, ...tone(4), ...h264),
    'a picture that begins after the sound': film('b.mkv', ...tone(4), '-itsoffset', '3', ...plain, ...h264),
    'a variable rate': film(
      'd.mp4',
      ...plain,
      '-vf',
      'select=not(mod(n\\,3))+gte(n\\,10)',
      '-fps_mode',
      'vfr',
      ...h264,
    ),
    'written in fragments': film('e.mp4', ...plain, ...h264, '-g', '5', '-movflags', '+frag_keyframe+empty_moov'),
    'H.264 of 4:4:4 with odd sides': film(
      'f.mp4',
      ...colours(1, [red, blue], { size: '129x97' }),
      '-c:v',
      'libx264',
      '-pix_fmt',
      'yuv444p',
    ),
    'a track of time codes': film('g.mov', ...plain, ...h264, '-timecode', '01:00:00:00'),
    'two sounds': film('h.mkv', ...plain, ...tone(2), ...tone(2), '-map', '0', '-map', '1', '-map', '2', ...h264),
    '3GP': film('i.3gp', ...colours(1, [red, blue], { size: '176x144' }), '-c:v', 'mpeg4'),
    ProRes: film('j.mov', ...plain, '-c:v', 'prores'),
    'Motion JPEG': film('k.mov', ...plain, '-c:v', 'mjpeg'),
    VP9: film('l.webm', ...plain, '-c:v', 'libvpx-vp9', '-cpu-used', '8', '-deadline', 'realtime'),
  }
  for (const [name, sent] of Object.entries(films)) {
    const { named, note } = await shown(sent)
    const found = runs(named)
    assert.deepEqual(
      found.map(([colour]) => colour),
      ['red', 'blue'],
      name,
    )
    for (const [i, [, count]] of found.entries()) {
      // The end is the last picture's, which may last no time; the ranks hold it.
      if (i === 0) assert.ok(Math.abs(count - Number(two[i]?.[1])) <= 2, `${name}: ${found.join(' ')}`)
    }
    assert.equal(note, undefined)
  }
})

test('a film of one picture, and one whose last picture stands, have it from then on', async () => {
  const one = film('one.mp4', ...colours(0.1, [red]), '-frames:v', '1', ...h264)
  assert.deepEqual(
    runs((await shown(one)).named).map(([colour]) => colour),
    ['red'],
  )
  const slow = film('slow.mp4', ...colours(2, [red, blue], { rate: '0.5' }), ...h264)
  const [first] = runs((await shown(slow, { seconds: 4 })).named)
  assert.deepEqual(first, ['red', 48], 'half a picture a second')
  const standing = film(
    'standing.mp4',
    ...colours(1, [red, blue]),
    '-vf',
    'select=lt(n\\,11)',
    '-fps_mode',
    'vfr',
    ...h264,
  )
  assert.deepEqual(
    runs((await shown(standing)).named).map(([colour]) => colour),
    ['red', 'blue'],
  )
})

test('all of a film whose size changes is used, in the size of its first picture', async () => {
  const raw = ['-f', 'h264']
  const parts = [
    film('1.h264', ...colours(1, [red]), ...h264, ...raw),
    film('2.h264', ...colours(1, [green], { size: '64x64' }), ...h264, ...raw),
    film('3.h264', ...colours(1, [blue], { size: '96x160' }), ...h264, ...raw),
  ]
  writeFileSync(inFolder('all.h264'), Buffer.concat(parts))
  const sent = film('resized.mkv', '-framerate', '10', '-i', inFolder('all.h264'), '-c', 'copy')
  const { reference, named } = await shown(sent, { seconds: 4 })
  assert.deepEqual([reference.width, reference.height], [128, 96])
  const found = runs(named)
  assert.deepEqual(
    found.map(([colour]) => colour),
    ['red', 'lime', 'blue'],
  )
  for (const [, count] of found.slice(0, 2)) assert.ok(Math.abs(count - 24) <= 1, found.join(' '))
})

test('a film stands upright, with square pixels, and is as large as boxes are measured', async () => {
  const lying = film('lying.mp4', ...colours(1, [red]), ...h264)
  writeFileSync(inFolder('lying-source.mp4'), lying)
  const turned = film('turned.mp4', '-display_rotation', '90', '-i', inFolder('lying-source.mp4'), '-c', 'copy')
  assert.deepEqual((({ width, height }) => [width, height])((await shown(turned)).reference), [96, 128])
  for (const [ratio, size] of [
    ['4/3', [170, 96]],
    ['8/9', [128, 108]],
  ] as const) {
    const sent = film('oblong.mp4', ...colours(1, [red]), '-vf', `setsar=${ratio}`, ...h264)
    const { reference } = await shown(sent)
    assert.deepEqual([reference.width, reference.height], size, ratio)
  }
})

test('a picture that is attached to a film is none of its frames', async () => {
  writeFileSync(
    inFolder('cover.jpg'),
    ffmpeg(...colours(1, [blue]), '-frames:v', '1', '-c:v', 'mjpeg', '-f', 'image2pipe', 'pipe:1'),
  )
  const cover = [
    '-attach',
    inFolder('cover.jpg'),
    '-metadata:s:t',
    'mimetype=image/jpeg',
    '-metadata:s:t',
    'filename=cover.jpg',
  ]
  assert.deepEqual(
    runs((await shown(film('cover.mkv', ...colours(1, [red]), ...h264, ...cover))).named).map(([colour]) => colour),
    ['red'],
  )
  const asTrack = [
    '-i',
    inFolder('cover.jpg'),
    '-map',
    '1',
    '-map',
    '0',
    '-c:v:0',
    'mjpeg',
    '-disposition:v:0',
    'attached_pic',
  ]
  const sent = film('cover.mp4', ...colours(1, [red]), ...asTrack, '-c:v:1', 'libx264', '-pix_fmt:v:1', 'yuv420p')
  assert.deepEqual(
    runs((await shown(sent)).named).map(([colour]) => colour),
    ['red'],
  )
})

test('a clip that was cut before its key frame begins with the first picture that can be shown', async () => {
  const raw = film('whole.h264', ...colours(1, [red, blue]), ...h264, '-g', '10', '-bf', '0')
  const isKey = (at: number): boolean => ((raw[at + 3] ?? 0) & 31) === 5
  const starts = Array.from({ length: raw.length - 4 }, (_, at) => at).filter((at) => raw.readUIntBE(at, 3) === 1)
  const key = starts.findIndex(isKey)
  writeFileSync(inFolder('clip.h264'), Buffer.concat([raw.subarray(0, starts[key]), raw.subarray(starts[key + 1])]))
  const clip = film('clip.mkv', '-framerate', '10', '-i', inFolder('clip.h264'), '-c', 'copy', '-copyinkf')
  const { named, reference } = await shown(clip)
  assert.deepEqual(runs(named), [['blue', named.length]])
  assert.ok(reference.kind === 'video' && (reference.start ?? 0) > 0.5)
})

test('of a film that is damaged in its middle, what can be decoded is used', async () => {
  const sent = film('noise.mp4', '-f', 'lavfi', '-i', 'testsrc2=s=128x96:r=10:d=3', ...h264, '-g', '10')
  const from = Math.floor(sent.length * 0.4)
  for (let at = from; at < from + sent.length * 0.2; at++) sent[at] = (at * 7919) & 255
  const { frames } = await shown(sent, { seconds: 3 })
  assert.ok(frames.length > 40, `${frames.length} frames`)
})

test('behind see-through pixels stands white, or the colour that is asked for', async () => {
  const seeThrough = '[0]format=yuva420p,geq=lum=lum(X\\,Y):cb=cb(X\\,Y):cr=cr(X\\,Y):a=0'
  const coded = (name: string, codec: readonly string[]): Buffer =>
    film(name, ...colours(1, ['black']), '-vf', seeThrough, ...codec)
  const vp9 = coded('alpha.webm', alphaCodecs.vp9)
  const vp8 = coded('alpha8.webm', alphaCodecs.vp8)
  const prores = coded('alpha.mov', alphaCodecs.prores)
  for (const sent of [vp9, vp8, prores]) {
    assert.deepEqual(
      runs((await shown(sent)).named).map(([colour]) => colour),
      ['red+lime+blue'],
    )
    assert.deepEqual(
      runs((await shown(sent, { background: '#0000ff' })).named).map(([colour]) => colour),
      ['blue'],
    )
  }
  const opaque = film(
    'opaque.webm',
    ...colours(1, [red]),
    '-c:v',
    'libvpx-vp9',
    '-pix_fmt',
    'yuva420p',
    '-cpu-used',
    '8',
  )
  assert.deepEqual(
    runs((await shown(opaque)).named).map(([colour]) => colour),
    ['red'],
  )
})

test('HDR is brought to SDR, and the note of the answer says so', async () => {
  // A face in the light of 26 cd/m² and white of 203, as PQ has them: 38 and 58 % of the signal.
  const level = 'geq=lum=if(lt(N\\,10)\\,397\\,572):cb=512:cr=512'
  const pq = ['-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc']
  const x265 = ['-x265-params', 'log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc']
  const sent = film(
    'hdr.mp4',
    ...colours(1, ['gray', 'gray']),
    '-vf',
    `format=yuv420p10le,${level}`,
    '-c:v',
    'libx265',
    ...x265,
    ...pq,
  )
  const { reference, frames, note } = await shown(sent)
  assert.ok(reference.kind === 'video' && reference.hdr === 'pq')
  assert.equal(note, 'the reference video is in HDR: it is brought to SDR')
  const [face = 0, white = 0] = [frames[5]?.[1], frames[40]?.[1]]
  assert.ok(Math.abs(face - 108) < 12 && Math.abs(white - 214) < 12, `${face}, ${white}`)
})

test('a film is refused by what is wrong with it', async () => {
  const sound = film('sound.mp4', ...tone(2))
  assert.match(await refusedReference(sound), /has no picture track/)
  const other = (name: string, ...args: string[]) =>
    refusedReference(film(name, ...colours(1, [red], { size: '176x144', rate: '25' }), ...args))
  assert.match(await other('o.mkv', '-c:v', 'mpeg2video'), /is coded as MPEG-2, which is not taken; H\.264, H\.265/)
  assert.match(await other('o.mov', '-c:v', 'qtrle'), /is coded as QuickTime Animation/)
  assert.match(
    await other('p.mov', '-vf', 'scale=256:144', '-c:v', 'dnxhd', '-profile:v', 'dnxhr_lb', '-pix_fmt', 'yuv422p'),
    /is coded as DNxHD/,
  )
  assert.match(await other('o.3gp', '-c:v', 'h263'), /is coded as H\.263/)
  assert.match(await other('o.ts', ...h264), /an MPEG-TS video: save it as MP4/)
  assert.match(await other('o.avi', '-c:v', 'mpeg4'), /an AVI video: save it as MP4/)
  assert.match(await other('thin.mp4', '-vf', 'scale=176:32,setsar=1', ...h264), /has a side below 64 pixels/)
  assert.match(await other('wide.mp4', '-vf', 'scale=800:600,setsar=100', ...h264), /most is 40 megapixels/)
})

test('cut off is what lacks more than a second and a twentieth of what it declares', async () => {
  const films = [
    film('cut.mp4', ...colours(3, [red]), ...h264, '-movflags', '+faststart'),
    film('cut.mkv', ...colours(3, [red]), ...h264),
    film('cut.webm', ...colours(3, [red]), '-c:v', 'libvpx'),
  ]
  for (const whole of films) {
    const why = await refusedReference(whole.subarray(0, Math.floor(whole.length * 0.5)))
    assert.match(why, /is cut off: it declares \d+ bytes( for 3\.0 s)?, and \d+ are there$/)
    await takeReference(whole.subarray(0, -20))
    await takeReference(Buffer.concat([whole, Buffer.alloc(3000)]))
  }
  assert.match(
    await refusedReference(film('end.mov', ...colours(3, [red]), ...h264).subarray(0, -300)),
    /is cut off: it declares/,
  )
})

test('a harmed film holds the demuxer for ever, and nobody else: its thread is ended', async () => {
  const exact = ['-fflags', '+bitexact', '-flags:v', '+bitexact'] // the same bytes each time
  const held = film('held.webm', '-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=2:d=1', '-c:v', 'libvpx', ...exact)
  const info = Buffer.from('1549a966', 'hex')
  held[held.lastIndexOf(info) + info.length] = 0 // where its length stands
  await using store = await MemoryObjectStore.start()
  await store.put('held', held)
  const { signal } = new AbortController()
  const reading = filmFacts(store, { key: 'held', bytes: held.length }, signal, 1_000)
  let turns = 0
  const turn = setInterval(() => (turns += 1), 10)
  assert.equal(await reading, undefined)
  clearInterval(turn)
  assert.ok(turns > 1, 'this process goes on meanwhile')
})
