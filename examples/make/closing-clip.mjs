/**
 * Makes `activities/media/closing-clip.mp4`, two seconds: the name, and under it a voice that comes to rest.
 * Run from the repository root: `FFMPEG_PATH=… node examples/make/closing-clip.mjs`.
 */
import sharp from 'sharp'
import { blurs, lerp, mix, radial, spot } from './brush.mjs'
import { encode } from './film.mjs'

const [width, height, fps, frames] = [1280, 720, 25, 50]

/** 0 before `from`, 1 after `to` (seconds), smooth in between. */
function ease(seconds, from, to) {
  const t = Math.max(0, Math.min(1, (seconds - from) / (to - from)))
  return t * t * (3 - 2 * t)
}

const name = [...'Text2Video']
const letterX = [0, 62, 121, 178, 216, 279, 350, 378, 442, 501] // set by hand for Liberation Sans Bold, 108 units

function title(seconds) {
  return name
    .map((letter, i) => {
      const shown = ease(seconds, 0.1 + i * 0.045, 0.5 + i * 0.045)
      const colour = letter === '2' ? '#ffb454' : '#f5f7fa'
      return `<text x="${360 + letterX[i]}" y="${(352 + 26 * (1 - shown)).toFixed(1)}" fill="${colour}" opacity="${shown.toFixed(3)}">${letter}</text>`
    })
    .join('')
}

/** Bars that swing like a voice and then come to rest. */
function voice(seconds) {
  const count = 45
  return Array.from({ length: count }, (_, i) => {
    const middle = 1 - Math.abs(i - (count - 1) / 2) / (count / 2)
    const swing = Math.abs(Math.sin(i * 0.9 + seconds * 7) * Math.sin(i * 0.37 - seconds * 4.3))
    const tall = 5 + 62 * middle * swing * ease(seconds, 0.05, 0.6) * (1 - 0.92 * ease(seconds, 1.25, 1.85))
    const x = 640 + (i - (count - 1) / 2) * 12.6
    const colour = mix('#ffb454', '#4fb3bf', i / (count - 1))
    return `<rect x="${(x - 3).toFixed(1)}" y="${(440 - tall / 2).toFixed(1)}" width="6" height="${tall.toFixed(1)}" rx="3" fill="${colour}"/>`
  }).join('')
}

function frameAt(seconds) {
  const defs =
    blurs +
    radial(
      'ground',
      [
        [0, '#24495a'],
        [1, '#0d1c25'],
      ],
      0.5,
      0.45,
      0.75,
    )
  const glow = spot(640, 350, lerp(300, 420, ease(seconds, 0, 2)).toFixed(0), 150, '#f3b770', 0.13, 40)
  const font = 'font-family="Liberation Sans, Arial, sans-serif" font-weight="bold" font-size="108"'
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs>${defs}</defs>` +
    `<rect width="${width}" height="${height}" fill="url(#ground)"/>${glow}<g ${font}>${title(seconds)}</g>` +
    `${voice(seconds)}</svg>`
  )
}

async function* film() {
  for (let frame = 0; frame < frames; frame++)
    yield await sharp(Buffer.from(frameAt(frame / fps)))
      .flatten()
      .raw()
      .toBuffer()
}

await encode('activities/media/closing-clip.mp4', { width, height, fps, crf: 20 }, film())
