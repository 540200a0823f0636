/** The few strokes that every drawing here is made of: SVG text in, SVG text out. */

/** A random number generator with a fixed start, so that the same script always draws the same picture. */
export const seeded = (seed) => () => {
  seed = (seed * 1664525 + 1013904223) % 4294967296
  return seed / 4294967296
}

export const lerp = (a, b, t) => a + (b - a) * t

/** The colour between two `#rrggbb` colours. */
export function mix(a, b, t) {
  const channels = [1, 3, 5].map((at) => lerp(parseInt(a.slice(at, at + 2), 16), parseInt(b.slice(at, at + 2), 16), t))
  return `#${channels.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`
}

/** A soft spot: an ellipse whose edge is blurred by `blur` units. */
export const spot = (x, y, rx, ry, colour, opacity, blur) =>
  `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}" fill="${colour}" opacity="${opacity}" filter="url(#blur${blur})"/>`

export const shape = (path, fill, more = '') => `<path d="${path}" fill="${fill}" ${more}/>`

export const line = (path, stroke, width, more = '') =>
  `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round" ${more}/>`

export const linear = (id, stops, x2 = 0, y2 = 1) =>
  `<linearGradient id="${id}" x1="0" y1="0" x2="${x2}" y2="${y2}">${stopsOf(stops)}</linearGradient>`

export const radial = (id, stops, cx = 0.5, cy = 0.5, r = 0.5) =>
  `<radialGradient id="${id}" cx="${cx}" cy="${cy}" r="${r}">${stopsOf(stops)}</radialGradient>`

const stopsOf = (stops) => stops.map(([at, colour]) => `<stop offset="${at}" stop-color="${colour}"/>`).join('')

/** The blur filters that `spot` and the shadows name; wide margins, so that no blur is cut off. */
export const blurs = [1, 2, 4, 8, 14, 22, 40]
  .map(
    (size) =>
      `<filter id="blur${size}" x="-100%" y="-100%" width="300%" height="300%"><feGaussianBlur stdDeviation="${size}"/></filter>`,
  )
  .join('')

/** A smooth curve through points (Catmull-Rom, written as Bézier pieces), without its first `M`. */
export function through(points) {
  const at = (i) => points[Math.max(0, Math.min(points.length - 1, i))]
  const pieces = []
  for (let i = 0; i < points.length - 1; i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)]
    const a = [p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6]
    const b = [p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6]
    pieces.push(`C ${[...a, ...b, ...p2].map((value) => value.toFixed(1)).join(' ')}`)
  }
  return pieces.join(' ')
}

/** The outline of a lock of hair: down one edge, back up the other. Both edges have as many points. */
export const lockOutline = ([inner, outer]) =>
  `M ${inner[0]} ${through(inner)} L ${outer.at(-1)} ${through([...outer].reverse())} Z`

/** A lock of hair: filled, with `count` single hairs that run between its two edges, lit from the upper left. */
export function lock(edges, hair, { count, seed, width = 2.2, fill = hair.base }) {
  const random = seeded(seed)
  const [inner, outer] = edges
  const hairs = Array.from({ length: count }, () => {
    const t = random()
    const bend = (random() - 0.5) * 0.1
    const points = inner.map(([x, y], i) => {
      const u = Math.max(0, Math.min(1, t + bend * Math.sin(i * 1.7)))
      return [lerp(x, outer[i][0], u), lerp(y, outer[i][1], u)]
    })
    const tone = Math.sin(t * 9 + seed) * 0.5 + (random() - 0.5) * 0.9
    const colour =
      tone > 0 ? mix(hair.base, hair.light, Math.min(1, tone)) : mix(hair.base, hair.dark, Math.min(1, -tone))
    return line(`M ${points[0]} ${through(points)}`, colour, (width * (0.4 + random())).toFixed(2), 'opacity="0.55"')
  })
  return shape(lockOutline(edges), fill) + hairs.join('')
}
