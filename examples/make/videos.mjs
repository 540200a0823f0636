/**
 * Makes `single/ref_video.mp4`: the portrait, gently alive (a slow zoom, a swaying head, one blink), without sound.
 * Run from the repository root: `FFMPEG_PATH=… node examples/make/videos.mjs`.
 */
import sharp from 'sharp'
import { encode } from './film.mjs'
import { studio } from './scenes.mjs'

const fps = 25
const frames = 75
const size = 640

/** 0 with open eyes, 1 in the middle of the blink, which takes 0.28 s. */
const blinkAt = (seconds) => Math.max(0, 1 - Math.abs(seconds - 1.4) / 0.14)

async function* portrait() {
  for (let frame = 0; frame < frames; frame++) {
    const seconds = frame / fps
    const pose = {
      blink: blinkAt(seconds),
      tilt: 1.6 * Math.sin(2.1 * seconds),
      nod: 3 * Math.sin(3.3 * seconds + 1),
    }
    const svg = studio(pose, 1 + 0.03 * seconds).replace(
      /width="1024" height="1024"/,
      `width="${size}" height="${size}"`,
    )
    yield await sharp(Buffer.from(svg)).flatten().raw().toBuffer()
  }
}

await encode('examples/single/ref_video.mp4', { width: size, height: size, fps, crf: 21 }, portrait())
