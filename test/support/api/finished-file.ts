import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ffmpeg, ffmpegPath } from './api-media.js'

/** An MP4 as a player meets it: decoded to its end, and its boxes in order. */
export type FinishedFile = {
  videoCodec: string
  pixelFormat: string
  width: number
  height: number
  fps: number
  frames: number
  /** Whether each frame comes one frame's time after the one before, from 0 on. */
  isEven: boolean
  audioCodec: string
  soundSeconds: number
  /** Names of the top-level boxes. */
  boxes: string[]
}

/** Looks at a file with ffmpeg alone, none of the service's own checks. Throws when it does not decode. */
export function inspectFile(path: string): FinishedFile {
  const { stderr } = spawnSync(ffmpegPath(), ['-hide_banner', '-i', path], { encoding: 'utf8' })
  const [, videoCodec, pixelFormat, size, fps] = found(
    /Stream #0:\d.*Video: (\w+).*?, (\w+)(?:\([^)]*\))?, (\d+x\d+).*?, ([\d.]+) fps/,
    stderr,
  )
  const [, audioCodec] = found(/Stream #0:\d.*Audio: (\w+)/, stderr)
  const [width = 0, height = 0] = (size ?? '').split('x').map(Number)
  const rate = Number(fps)
  const times = frameTimes(path)
  return {
    videoCodec: videoCodec ?? '',
    pixelFormat: pixelFormat ?? '',
    ...{ width, height, fps: rate },
    frames: times.length,
    isEven: times.every((time, frame) => Math.abs(time - frame / rate) < 1e-4),
    audioCodec: audioCodec ?? '',
    soundSeconds: decodeSound(path).length / soundRate,
    boxes: boxesOf(readFileSync(path)),
  }
}

/** Samples a second of `decodeSound`. */
export const soundRate = 48_000

/** The sound of any file as mono samples from −32,768 to 32,767. */
export function decodeSound(path: string): Int16Array {
  const raw = ffmpeg('-i', path, '-map', '0:a:0', '-ac', '1', '-ar', String(soundRate), '-f', 's16le', 'pipe:1')
  return new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1)
}

function found(pattern: RegExp, text: string): RegExpExecArray {
  const match = pattern.exec(text)
  assert.ok(match, `ffmpeg sees no ${String(pattern)} in\n${text}`)
  return match
}

/** Seconds at which each decoded frame is shown. */
function frameTimes(path: string): number[] {
  const options = ['-xerror', '-i', path, '-map', '0:v:0', '-fps_mode', 'passthrough', '-f', 'framecrc', 'pipe:1']
  const lines = ffmpeg(...options)
    .toString('latin1')
    .split('\n')
  const [, num, den] = found(/^#tb 0: (\d+)\/(\d+)/m, lines.join('\n'))
  return lines
    .filter((line) => line.startsWith('0,'))
    .map((line) => (Number(line.split(',')[2]) * Number(num)) / Number(den))
}

function boxesOf(bytes: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    assert.ok(length >= 8, 'a box of 64-bit length, or a broken one')
    names.push(bytes.toString('latin1', at + 4, at + 8))
    at += length
  }
  return names
}
