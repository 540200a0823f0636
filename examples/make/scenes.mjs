/** The two pictures as SVG: who sits where, in front of what. */
import { blurs, line, linear, radial, seeded, shape, spot } from './brush.mjs'
import { host, man, woman } from './looks.mjs'
import { person, personDefs } from './person.mjs'

/** A woman in a recording studio, square; `pose` moves her head, `zoom` (1 and up) goes closer. */
export function studio(pose = {}, zoom = 1) {
  const side = 1024 / zoom
  const box = `${(512 - side / 2).toFixed(2)} ${(470 - (470 / 1024) * side).toFixed(2)} ${side.toFixed(2)} ${side.toFixed(2)}`
  const defs = personDefs(host) + wallDefs('#274b5c', '#122631') + microphoneDefs
  const wall = `<rect width="1024" height="1024" fill="url(#wall)"/>${panels(1024, 1024)}${lights(1024, 640, 3)}`
  const glow = spot(512, 420, 360, 380, '#f3b770', 0.2, 40)
  return svg(1024, 1024, box, defs, `${wall}${glow}${placed(host, 530, 466, 1.13, pose)}${microphone(150, 640)}`)
}

/** A man and a woman in conversation. Each fills one half, as the pipeline expects of two people. */
export function conversation() {
  const defs = personDefs(man) + personDefs(woman) + wallDefs('#5b4a63', '#241c30')
  const wall = `<rect width="1216" height="832" fill="url(#wall)"/>${panels(1216, 832)}${lights(1216, 420, 8)}`
  const glows = spot(330, 360, 280, 280, '#f3b770', 0.22, 40) + spot(890, 380, 280, 280, '#f3b770', 0.2, 40)
  const people = placed(man, 322, 362, 0.86, { tilt: 2.5 }) + placed(woman, 896, 386, 0.86, { tilt: -3 })
  return svg(1216, 832, '0 0 1216 832', defs, wall + glows + people)
}

const svg = (width, height, box, defs, body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${box}"><defs>${blurs}${defs}</defs>${body}</svg>`

const placed = (look, x, y, scale, pose) =>
  `<g transform="translate(${x} ${y}) scale(${scale})">${person(look, pose)}</g>`

const wallDefs = (light, dark) =>
  radial(
    'wall',
    [
      [0, light],
      [1, dark],
    ],
    0.45,
    0.35,
    0.8,
  )

/** Wooden slats, out of focus. */
function panels(width, height) {
  const slats = Array.from({ length: Math.ceil(width / 64) }, (_, i) =>
    [
      `<rect x="${i * 64}" y="-60" width="38" height="${height + 120}" fill="#ffffff" opacity="0.045"/>`,
      `<rect x="${i * 64 + 38}" y="-60" width="16" height="${height + 120}" fill="#000000" opacity="0.2"/>`,
    ].join(''),
  )
  return `<g filter="url(#blur4)">${slats.join('')}</g>`
}

/** Lamps far behind, as soft discs. */
function lights(width, height, seed) {
  const random = seeded(seed)
  const colours = ['#ffcf8a', '#ff9d6b', '#8fd3e0', '#ffe2b8']
  const discs = Array.from({ length: 22 }, (_, i) => {
    const [x, y, r] = [random() * width, random() * height, 12 + random() * 34]
    return `<circle cx="${x.toFixed(0)}" cy="${y.toFixed(0)}" r="${r.toFixed(0)}" fill="${colours[i % 4]}" opacity="${(0.06 + random() * 0.16).toFixed(2)}"/>`
  })
  return `<g filter="url(#blur4)">${discs.join('')}</g>`
}

const microphoneDefs =
  linear(
    'metal',
    [
      [0, '#59626b'],
      [0.28, '#dfe5ea'],
      [0.5, '#98a2ab'],
      [1, '#2a3036'],
    ],
    1,
    0,
  ) +
  '<pattern id="mesh" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="9" height="9" fill="#8d969e"/><path d="M0 0H9M0 0V9" stroke="#2d3338" stroke-width="3.4"/></pattern>' +
  linear(
    'mesh-light',
    [
      [0, '#00000088'],
      [0.3, '#ffffff66'],
      [0.55, '#00000000'],
      [1, '#000000aa'],
    ],
    1,
    0,
  )

/** A studio microphone on its arm, its head at (x, y). */
function microphone(x, y) {
  return `<g transform="translate(${x} ${y}) rotate(14)">${[
    shape('M -62 -130 h 140 v 400 h -140 Z', '#000000', 'opacity="0.3" filter="url(#blur22)"'),
    line('M 0 250 C 0 420 -30 520 -110 640', '#14181b', 13),
    line('M -330 330 L -66 196', '#20262b', 20) + line('M -330 326 L -66 192', '#5b656d', 5),
    '<rect x="-62" y="-120" width="124" height="170" rx="56" fill="url(#mesh)"/>',
    '<rect x="-62" y="-120" width="124" height="170" rx="56" fill="url(#mesh-light)"/>',
    '<rect x="-66" y="30" width="132" height="24" rx="8" fill="url(#metal)"/>',
    '<path d="M -60 54 h 120 l -8 180 q -52 22 -104 0 Z" fill="url(#metal)"/>',
    '<rect x="-74" y="170" width="148" height="30" rx="12" fill="#23292e"/>',
    line('M -62 174 h 60', '#6d7780', 3),
    '<circle cx="0" cy="96" r="9" fill="#e0533d"/>',
  ].join('')}</g>`
}
