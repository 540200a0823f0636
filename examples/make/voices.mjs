/**
 * Speaks the three voices with espeak-ng and masters them with ffmpeg: `single/1.wav`, `multi/1-man.WAV`, `multi/1-woman.WAV`.
 * Run from the repository root: `FFMPEG_PATH=… node examples/make/voices.mjs`.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ffmpeg } from './film.mjs'

const folder = mkdtempSync(join(tmpdir(), 'voices-'))
let said = 0

/** One sentence as a WAV file of espeak-ng's 22,050 Hz. `pitch` is 0–99, `speed` words a minute. */
function say(text, { voice, pitch, speed }) {
  const file = join(folder, `${said++}.wav`)
  execFileSync('espeak-ng', ['-v', voice, '-p', `${pitch}`, '-s', `${speed}`, '-w', file, text])
  return file
}

/**
 * Lays sentences on one track. Each part is `[start in seconds, file]`. The sound is made warmer (a little bass,
 * less of the synthesiser's edge, a small room) and set to -20 dB mean; the last words fade into a short silence.
 */
function master(target, seconds, parts) {
  const inputs = parts.flatMap(([, file]) => ['-i', file])
  const trim = 'silenceremove=start_periods=1:start_threshold=-50dB'
  const placed = parts.map(([start], i) => `[${i}]${trim},adelay=${Math.round(start * 1000)}[p${i}]`).join(';')
  const names = parts.map((_, i) => `[p${i}]`).join('')
  const warm = 'highpass=70,bass=g=3:f=180,equalizer=f=3200:t=q:w=1:g=-3,lowpass=9500,aecho=0.9:0.75:23|37:0.1|0.06'
  const mixed = `${names}amix=${parts.length}:normalize=0,${warm},apad=whole_dur=${seconds},atrim=0:${seconds},volume=GAINdB`
  const run = (gain, to) =>
    execFileSync(
      ffmpeg,
      ['-y', '-hide_banner', ...inputs, '-filter_complex', `${placed};${mixed.replace('GAIN', gain)}`, ...to],
      { stdio: 'ignore' },
    )
  const draft = join(folder, 'draft.wav')
  run('0', ['-c:a', 'pcm_f32le', draft])
  const gain = (-20 - meanLevel(draft)).toFixed(2)
  run(gain, ['-ac', '1', '-ar', '44100', '-c:a', 'pcm_s16le', '-map_metadata', '-1', '-fflags', '+bitexact', target])
  console.log(`wrote ${target}: ${seconds} s, gain ${gain} dB`)
}

/** The mean level of a 32-bit float WAV file in dB, pauses not counted. */
function meanLevel(file) {
  const bytes = execFileSync(ffmpeg, ['-v', 'error', '-i', file, '-f', 'f32le', '-ac', '1', '-'], {
    maxBuffer: 2 ** 26,
  })
  const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).filter(
    (value) => Math.abs(value) > 0.003,
  )
  return 10 * Math.log10(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)
}

const host = { voice: 'en-us+f2', pitch: 52, speed: 165 }
const man = { voice: 'en-gb+m3', pitch: 38, speed: 168 }
const woman = { voice: 'en-us+f4', pitch: 55, speed: 170 }

master('examples/single/1.wav', 5.6, [
  [0.15, say('Hello! I am only a drawing,', host)],
  [2.0, say('but give me a voice, and I talk. Nice to meet you!', host)],
])
// Question, answer, and a last word: while one speaks, the other's file is silent.
master('examples/multi/1-man.WAV', 4.4, [
  [0.1, say('So, you can talk, too?', man)],
  [3.05, say('Then let us begin!', man)],
])
master('examples/multi/1-woman.WAV', 3.9, [[1.9, say('Of course I can!', woman)]])
rmSync(folder, { recursive: true })
