/** A person from head to chest: hair behind, neck, clothes, face, hair in front. Units and origin as in `face.mjs`. */
import { line, linear, lock, lockOutline, mix, shape, spot } from './brush.mjs'
import { face, faceDefs } from './face.mjs'
import { hairstyles } from './hairstyles.mjs'

export const personDefs = (look) =>
  faceDefs(look) +
  linear(
    `${look.name}-clothes`,
    [
      [0, mix(look.clothes, '#ffffff', 0.14)],
      [0.5, look.clothes],
      [1, mix(look.clothes, '#000000', 0.35)],
    ],
    0.8,
  ) +
  linear(`${look.name}-hair`, [
    [0, look.hair.base],
    [1, mix(look.hair.base, look.hair.dark, 0.75)],
  ])

/** Draws `look`; `pose.blink` closes the eyes, `pose.tilt` (degrees) and `pose.nod` (units) move the head on its neck. */
export function person(look, pose = {}) {
  const style = hairstyles[look.style]
  const { blink = 0, tilt = 0, nod = 0 } = pose
  const head = `<g transform="translate(0 ${nod}) rotate(${tilt} 0 240)">`
  const hairShadow = style.front.map(lockOutline).join(' ')
  return [
    head,
    shape(style.back, `url(#${look.name}-hair)`),
    style.behind.map((edges, i) => lock(edges, darker(look.hair), { count: 110, seed: 40 + i })).join(''),
    '</g>',
    `<g transform="translate(0 -34)">${neck(look)}${clothes(look)}</g>`,
    head,
    style.ears ? ears(look.skin) : '',
    face(look, { blink, hairShadow }),
    style.front.map((edges, i) => lock(edges, look.hair, { count: style.count, seed: 11 + i })).join(''),
    style.parting ? spot(...style.parting, 5, 34, look.hair.dark, 0.75, 4) : '',
    '</g>',
  ].join('')
}

const darker = (hair) => ({
  base: mix(hair.base, hair.dark, 0.6),
  light: hair.base,
  dark: mix(hair.dark, '#000000', 0.3),
})

function neck({ skin, build }) {
  const w = 66 + build * 30
  const outline = `M ${-w} 120 C ${-w} 220 ${-w - 4} 268 ${-w - 70} 306 L 0 420 L ${w + 70} 306 C ${w + 4} 268 ${w} 220 ${w} 120 Z`
  return [
    shape(outline, mix(skin.base, skin.shade, 0.4)),
    shape(
      `M ${-w} 150 L ${w} 150 L ${w} 236 C 40 292 -30 288 ${-w} 226 Z`,
      skin.deep,
      'opacity="0.55" filter="url(#blur14)"',
    ),
    line('M -22 326 C -56 316 -96 318 -126 308', skin.deep, 5, 'opacity="0.35" filter="url(#blur4)"'),
    line('M 22 326 C 56 316 96 318 126 308', skin.deep, 5, 'opacity="0.35" filter="url(#blur4)"'),
    spot(-58, 302, 44, 10, skin.glow, 0.35, 14),
  ].join('')
}

const ears = (skin) =>
  [-1, 1]
    .map(
      (side) =>
        `<g transform="scale(${side} 1)">` +
        shape('M 138 -14 C 160 -34 176 -14 168 22 C 163 48 152 66 138 62 Z', mix(skin.base, skin.shade, 0.45)) +
        line('M 146 0 C 160 -10 164 10 154 36', skin.deep, 4, 'opacity="0.6" filter="url(#blur2)"') +
        '</g>',
    )
    .join('')

/** A garment over both shoulders: `neckline` round for a pullover, or an open shirt collar over a T-shirt. */
function clothes({ name, clothes: colour, build, neckline, under }) {
  const s = 268 + build * 46
  const dark = mix(colour, '#000000', 0.5)
  const body = (from, dip) =>
    `M ${-from} 286 C ${-s + 70} 322 ${-s} 336 ${-s - 26} 430 L ${-s - 60} 760 L ${s + 60} 760 L ${s + 26} 430 C ${s} 336 ${s - 70} 322 ${from} 286 C ${from - 34} ${dip} ${-from + 34} ${dip} ${-from} 286 Z`
  const folds = [
    line(
      `M ${-s + 66} 470 C ${-s + 80} 560 ${-s + 70} 640 ${-s + 78} 760`,
      dark,
      9,
      'opacity="0.45" filter="url(#blur8)"',
    ),
    line(`M ${s - 66} 470 C ${s - 80} 560 ${s - 70} 640 ${s - 78} 760`, dark, 9, 'opacity="0.5" filter="url(#blur8)"'),
    line(`M ${-s + 90} 350 C ${-s + 130} 420 -110 470 -60 500`, dark, 8, 'opacity="0.25" filter="url(#blur14)"'),
    line(`M ${s - 90} 350 C ${s - 130} 420 110 470 60 500`, dark, 8, 'opacity="0.3" filter="url(#blur14)"'),
    spot(-s + 70, 372, 66, 22, mix(colour, '#ffffff', 0.5), 0.35, 22),
  ].join('')
  if (neckline === 'collar') {
    const flap = 'M 66 236 C 100 276 128 300 144 326 L 84 424 C 60 396 34 380 8 366 C 36 336 60 296 66 236 Z'
    return [
      shape(body(104, 396), under),
      line('M -104 286 C -70 396 70 396 104 286', mix(under, '#000000', 0.14), 12),
      shape(
        `M ${-118} 286 C ${-s + 70} 322 ${-s} 336 ${-s - 26} 430 L ${-s - 60} 760 L -34 760 C -20 620 -60 440 -118 286 Z`,
        `url(#${name}-clothes)`,
      ),
      shape(
        `M 118 286 C ${s - 70} 322 ${s} 336 ${s + 26} 430 L ${s + 60} 760 L 34 760 C 20 620 60 440 118 286 Z`,
        `url(#${name}-clothes)`,
      ),
      folds,
      [-1, 1]
        .map(
          (side) =>
            `<g transform="scale(${side} 1) translate(38 4)">${shape(flap, dark, 'opacity="0.5" filter="url(#blur8)" transform="translate(2 12)"')}${shape(flap, mix(colour, '#ffffff', side < 0 ? 0.2 : 0.08))}${line('M 144 326 L 84 424 C 60 396 34 380 8 366', dark, 2.5, 'opacity="0.5"')}</g>`,
        )
        .join(''),
    ].join('')
  }
  return [
    shape(body(130, 406), `url(#${name}-clothes)`),
    folds,
    shape('M -130 286 C -96 412 96 412 130 286 L 112 287 C 80 388 -80 388 -112 287 Z', mix(colour, '#ffffff', 0.16)),
    line('M -129 288 C -94 411 94 411 129 288', dark, 3, 'opacity="0.5"'),
    line('M -112 286 C -80 388 80 388 112 286', dark, 3, 'opacity="0.4"'),
  ].join('')
}
