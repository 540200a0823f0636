import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ffmpeg } from '../api/api-media.js'

/** A tone of 3 s in every kind of file that a voice may be, by a name of its own; the extension says the container. */
export const voiceFormats: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['16.wav', []],
  ['24.wav', ['-c:a', 'pcm_s24le']],
  ['alaw.wav', ['-c:a', 'pcm_alaw']],
  ['adpcm-ms.wav', ['-c:a', 'adpcm_ms']],
  ['adpcm-ima.wav', ['-c:a', 'adpcm_ima_wav']],
  ['mp3.wav', ['-c:a', 'libmp3lame']],
  ['rf64.wav', ['-rf64', 'always']],
  ['usual.mp3', []],
  ['plain.mp3', ['-write_xing', '0', '-id3v2_version', '0']],
  ['usual.mp2', []],
  ['usual.flac', []],
  ['vorbis.ogg', ['-c:a', 'libvorbis']],
  ['flac.oga', ['-c:a', 'flac']],
  ['usual.opus', []],
  ['usual.m4a', ['-movflags', '+faststart']],
  ['lossless.m4a', ['-c:a', 'alac']],
  ['general.mp4', ['-brand', 'isom']],
  ['fragmented.mp4', ['-movflags', '+frag_keyframe+empty_moov']],
  ['quicktime.mov', []],
  ['samsung.mp4', ['-brand', '3gp4']],
  ['phone.3gp', ['-c:a', 'aac']],
  ['usual.aac', []],
  ['browser.webm', ['-live', '1']],
  ['usual.mka', ['-c:a', 'libvorbis']],
  ['usual.aiff', []],
  ['float.aiff', ['-c:a', 'pcm_f32be']],
  ['usual.caf', []],
  ['adpcm.caf', ['-c:a', 'adpcm_ima_qt']],
]

/** Files that ffmpeg makes once; some muxers must seek, so they are written to a folder. */
export class VoiceFiles implements Disposable {
  readonly #made = new Map<string, Buffer>()
  readonly #folder = mkdtempSync(join(tmpdir(), 'voice-files-'))

  /** 3 s of a tone of 300 Hz at 44.1 kHz, or what `source` says. */
  make(name: string, args: readonly string[] = [], source = 'sine=300:d=3:r=44100'): Buffer {
    const known = this.#made.get(name)
    if (known !== undefined) return known
    const path = join(this.#folder, name)
    const rate = name.endsWith('.3gp') || name.endsWith('.opus') || name.endsWith('.webm') ? ['-ar', '48000'] : []
    ffmpeg('-f', 'lavfi', '-i', source, '-ac', '1', ...rate, ...args, path)
    const bytes = readFileSync(path)
    this.#made.set(name, bytes)
    return bytes
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}
