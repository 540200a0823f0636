import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { colours } from './closing-clip.js'
import { parameterSets } from './parameter-sets.js'

export type PictureTrack = {
  /** The finished chunks, in order: absolute paths, all in `folder`. */
  segments: string[]
  /** Rendered frames per second, and those of the finished file. */
  renderFps: number
  fps: number
  /** Frames of the chunks together, at `fps`. */
  frames: number
  /** A closing clip of the same size and rate. */
  closing: string | undefined
  folder: string
}

/** Options of the run that makes the file: what comes before the sound's inputs, how many inputs that is, filters, and the codec. */
export type PictureOptions = {
  inputs: string[]
  count: number
  filter: string | undefined
  map: string
  codec: string[]
}

/**
 * How the picture comes into the file. Chunks at the asked rate, with the same parameter sets in all files, are copied as
 * they are; anything else is converted, once.
 */
export async function pictureOptions(track: PictureTrack): Promise<PictureOptions> {
  const { segments, closing, fps, renderFps } = track
  const files = closing ? [...segments, closing] : segments
  const sets = new Set<string>()
  for (const file of files) sets.add(await parameterSets(file))
  return fps === renderFps && sets.size === 1 ? copied(track, files) : converted(track)
}

async function copied({ folder, fps }: PictureTrack, files: string[]): Promise<PictureOptions> {
  const step = `1/(${fps}*TB)`
  return {
    inputs: await concatInput(folder, files),
    count: 1,
    filter: undefined,
    map: '0:v:0',
    // The length of each file is rounded to milliseconds, which would add up; there are no B-frames, so frames can be counted.
    codec: ['-c:v', 'copy', '-bsf:v', `setts=ts=round(N*${step}):duration=round(${step})`],
  }
}

async function converted({ folder, segments, closing, fps, renderFps, frames }: PictureTrack): Promise<PictureOptions> {
  // The last frame is held where the asked rate has a frame more than the rendered one.
  const chunks = `[0:v:0]settb=1/${renderFps},setpts=N,fps=${fps},tpad=stop_mode=clone:stop=16,trim=end_frame=${frames}`
  const same = `format=yuv420p,setsar=1,settb=1/${fps},setpts=N`
  const filter = closing
    ? `${chunks},${same}[chunks];[1:v:0]${same}[closing];[chunks][closing]concat=n=2:v=1:a=0[picture]`
    : `${chunks},${same}[picture]`
  return {
    inputs: [...(await concatInput(folder, segments)), ...(closing ? ['-i', `file:${closing}`] : [])],
    count: closing ? 2 : 1,
    filter,
    map: '[picture]',
    codec: ['-c:v', 'libx264', '-preset', 'fast', '-crf', '16', '-pix_fmt', 'yuv420p', '-r', String(fps), ...colours],
  }
}

async function concatInput(folder: string, files: string[]): Promise<string[]> {
  const list = join(folder, 'list.txt')
  await writeFile(list, files.map((file) => `file '${basename(file)}'\n`).join(''))
  return ['-f', 'concat', '-safe', '1', '-i', `file:${list}`]
}
