/**
 * A face, seen from the front, lit from the upper left. Unit: the face is about 290 wide and 430 high, its origin lies
 * between the eyes. Eyes and brows are clearly darker than cheeks and the bridge of the nose is bright: that is what
 * face finders look for, and it makes the face friendly too.
 */
import { lerp, line, linear, lock, mix, radial, shape, spot } from './brush.mjs'

/** The outline of face and skull; `jaw` widens the lower half (0 for a narrow chin, 1 for a square one). */
export function faceOutline(jaw) {
  const [x, chin] = [lerp(100, 116, jaw), lerp(34, 58, jaw)]
  return (
    `M -144 -40 C -150 40 -141 102 ${-x} 152 C ${-x + 26} 190 ${-chin} 213 0 213 C ${chin} 213 ${x - 26} 190 ${x} 152 ` +
    'C 141 102 150 40 144 -40 C 144 -150 92 -218 0 -218 C -92 -218 -144 -150 -144 -40 Z'
  )
}

/** Gradients and clips of one face. Every id starts with the look's name, so that two faces fit in one picture. */
export function faceDefs({ name, skin, iris, lips, jaw }) {
  return [
    radial(
      `${name}-skin`,
      [
        [0, skin.light],
        [0.55, skin.base],
        [1, mix(skin.base, skin.shade, 0.55)],
      ],
      0.4,
      0.38,
      0.72,
    ),
    radial(
      `${name}-iris`,
      [
        [0, mix(iris, '#ffffff', 0.35)],
        [0.62, iris],
        [1, mix(iris, '#000000', 0.62)],
      ],
      0.5,
      0.7,
      0.7,
    ),
    linear(`${name}-upper-lip`, [
      [0, mix(lips, skin.base, 0.2)],
      [1, mix(lips, '#3a0d10', 0.32)],
    ]),
    linear(`${name}-lower-lip`, [
      [0, mix(lips, '#ffffff', 0.1)],
      [1, mix(lips, skin.shade, 0.35)],
    ]),
    `<clipPath id="${name}-face"><path d="${faceOutline(jaw)}"/></clipPath>`,
    `<clipPath id="${name}-eye"><path d="${eyeOpening(0)}"/></clipPath>`,
  ].join('')
}

/** The whole face; `blink` is 0 for open and 1 for closed eyes. */
export function face(look, { blink = 0, hairShadow = '' } = {}) {
  const { name, skin } = look
  return [
    shape(faceOutline(look.jaw), `url(#${name}-skin)`),
    `<g clip-path="url(#${name}-face)">${shading(look)}`,
    shape(hairShadow, skin.deep, 'opacity="0.5" filter="url(#blur14)" transform="translate(5 16)"'),
    '</g>',
    nose(skin),
    mouth(look),
    eye(look, -1, blink),
    eye(look, 1, blink),
    brow(look, -1),
    brow(look, 1),
  ].join('')
}

const shading = ({ skin, beard = 0 }) =>
  [
    spot(172, 40, 62, 240, skin.shade, 0.75, 22), // the side away from the light
    spot(-168, 70, 34, 200, skin.shade, 0.45, 22),
    spot(10, 236, 150, 42, skin.shade, 0.7, 22), // under the chin
    spot(-66, -4, 52, 30, skin.shade, 0.5, 14), // the eye sockets
    spot(68, -4, 52, 30, skin.shade, 0.6, 14),
    spot(-20, -4, 11, 24, skin.shade, 0.5, 8),
    spot(24, -4, 12, 26, skin.shade, 0.6, 8),
    spot(-84, 84, 44, 34, skin.blush, 0.5, 22), // cheeks
    spot(88, 86, 42, 34, skin.blush, 0.5, 22),
    spot(-78, 54, 40, 16, skin.glow, 0.5, 14),
    spot(80, 56, 32, 14, skin.glow, 0.28, 14),
    spot(-26, -112, 72, 44, skin.glow, 0.5, 22), // forehead
    spot(-6, 192, 30, 12, skin.glow, 0.4, 8), // chin
    spot(0, 150, 118, 66, '#3b3634', beard * 0.5, 22),
  ].join('')

function nose(skin) {
  const wing = 'M 35 86 C 40 98 32 106 22 103'
  const nostril = 'M 10 103 C 14 97 24 97 26 102 C 22 107 14 107 10 103 Z'
  return [
    '<g transform="scale(0.96 0.87)">',
    shape(
      'M 9 -20 C 13 30 16 62 36 88 C 34 106 16 108 4 106 C 12 70 10 20 9 -20 Z',
      skin.shade,
      'opacity="0.5" filter="url(#blur8)"',
    ),
    spot(-3, 34, 7, 52, skin.glow, 0.85, 8),
    spot(2, 108, 34, 9, skin.shade, 0.75, 8),
    spot(-5, 84, 12, 9, '#ffffff', 0.42, 8),
    ...['', 'scale(-1 1)'].flatMap((turn) => [
      line(wing, skin.deep, 3, `opacity="0.5" filter="url(#blur2)" transform="${turn}"`),
      shape(nostril, skin.dark, `opacity="0.75" filter="url(#blur2)" transform="${turn}"`),
    ]),
    '</g>',
  ].join('')
}

/** A mild smile, a little open, so that a renderer which opens it finds the dark between the lips. */
function mouth({ name, skin }) {
  const upperEdge = 'C 34 121 18 113 8 115 C 3 117 -3 117 -8 115 C -18 113 -34 121 -55 126'
  const smileLine = 'M 40 92 C 54 100 66 112 70 130'
  return [
    '<g transform="translate(0 -7)">',
    spot(0, 186, 34, 7, skin.shade, 0.7, 8),
    spot(0, 104, 6, 8, skin.shade, 0.35, 4),
    ...['', 'scale(-1 1)'].flatMap((turn) => [
      line(smileLine, skin.shade, 6, `opacity="0.38" filter="url(#blur4)" transform="${turn}"`),
      `<g transform="${turn}">${spot(59, 126, 6, 6, skin.shade, 0.6, 4)}</g>`,
    ]),
    shape('M -55 126 C -30 138 30 138 55 126 C 36 160 -36 160 -55 126 Z', '#3c1216'),
    shape('M -40 134 C -16 142 16 142 40 134 C 26 153 -26 153 -40 134 Z', '#f6ece6'),
    shape(`M 55 126 ${upperEdge} C -34 137 -14 141 0 141 C 14 141 34 137 55 126 Z`, `url(#${name}-upper-lip)`),
    shape(
      'M 55 126 C 36 146 18 151 0 151 C -18 151 -36 146 -55 126 C -42 156 -22 170 0 170 C 22 170 42 156 55 126 Z',
      `url(#${name}-lower-lip)`,
    ),
    spot(-8, 159, 18, 3.5, '#ffffff', 0.4, 4),
    '</g>',
  ].join('')
}

/** The opening between the lids of the eye on the viewer's right; the upper lid comes down with `blink`. */
const upperLid = (blink) => `C -20 ${lerp(-22, 14, blink)} 14 ${lerp(-25, 17, blink)} 35 -3`
const eyeOpening = (blink) => `M -34 6 ${upperLid(blink)} C 24 15 -12 20 -34 6 Z`

function eye({ name, skin, lash, shadow }, side, closed) {
  const blink = lerp(0.12, 1, closed) // an awake eye at rest still covers the top of the iris
  const lid = `M -40 0 C -24 -37 22 -40 42 -10 L 35 -3 C 14 ${lerp(-25, 17, blink)} -20 ${lerp(-22, 14, blink)} -34 6 Z`
  const lashes = `M -35 7 ${upperLid(blink)} L ${lerp(38, 43, lash)} ${lerp(-5, -11, lash)} C 16 ${lerp(-25, 17, blink) - lerp(4, 9, lash)} -20 ${lerp(-22, 14, blink) - lerp(3, 5, lash)} -35 7 Z`
  const mirrored = `transform="translate(${side * 67} 2) scale(${side * 1.13} 1.13)"`
  return [
    `<g ${mirrored}><g clip-path="url(#${name}-eye)">`,
    shape(eyeOpening(0), '#f3ece6'),
    `<circle cx="-1" cy="-4" r="19.5" fill="url(#${name}-iris)"/><circle cx="-1" cy="-4" r="9" fill="#120c0a"/>`,
    shape('M -40 -30 L 40 -30 L 40 -8 C 14 -20 -20 -15 -40 6 Z', '#2a1714', 'opacity="0.42" filter="url(#blur4)"'),
    spot(-32, 7, 5, 5, '#d98d84', 0.8, 2),
    '</g></g>',
    `<g opacity="${1 - closed}" transform="translate(${side * 66} 2)">`, // the lamp is on the left in both eyes
    '<circle cx="-7" cy="-12" r="5" fill="#ffffff" opacity="0.95"/>',
    '<circle cx="7" cy="4" r="3" fill="#ffffff" opacity="0.45"/></g>',
    `<g ${mirrored}>`,
    shape(lid, mix(skin.base, shadow, 0.42)),
    line('M -40 0 C -24 -37 22 -40 42 -10', mix(skin.deep, shadow, 0.4), 2.4, 'opacity="0.75"'),
    line('M 35 -3 C 24 15 -12 20 -34 6', skin.dark, 1.8, 'opacity="0.6"'),
    spot(2, 27, 26, 4, skin.shade, 0.5, 4),
    shape(lashes, '#1d1210'),
    '</g>',
  ].join('')
}

function brow({ hair, brows }, side) {
  const thick = lerp(0, 6, brows)
  const edges = [
    [
      [27, -47],
      [54, -57],
      [86, -60],
      [119, -40],
    ],
    [
      [29, -56 - thick],
      [56, -67 - thick],
      [88, -69 - thick],
      [120, -41],
    ],
  ]
  const colour = { base: mix(hair.base, '#1b110d', 0.5), light: hair.base, dark: mix(hair.dark, '#17100d', 0.4) }
  const hairs = lock(edges, colour, { count: 70, seed: 5, width: 1.5 })
  return `<g transform="scale(${side} 1)" opacity="0.86" filter="url(#blur1)">${hairs}</g>`
}
