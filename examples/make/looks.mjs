/** The three people of the examples. They exist only here. `build` 0–1 is the width of the shoulders, `lash` 0–1 make-up. */

const fair = {
  light: '#ffe3cf',
  base: '#f3c4a6',
  shade: '#c98468',
  deep: '#9a5541',
  dark: '#5d2c22',
  glow: '#fff1e2',
  blush: '#ee8f7c',
}
const olive = {
  light: '#f4d0ac',
  base: '#dfae86',
  shade: '#a86f4c',
  deep: '#7c482f',
  dark: '#46241a',
  glow: '#ffe9cc',
  blush: '#d98464',
}
const brown = {
  light: '#d79e77',
  base: '#b67a55',
  shade: '#7d4a33',
  deep: '#592f21',
  dark: '#301710',
  glow: '#f0c49b',
  blush: '#bb6049',
}

export const host = {
  name: 'host',
  style: 'long',
  skin: fair,
  hair: { base: '#7a4327', light: '#c9834a', dark: '#40200f' },
  iris: '#4f7f6f',
  lips: '#c9505a',
  shadow: '#8a5148',
  clothes: '#e0a03a',
  neckline: 'round',
  under: '#ffffff',
  jaw: 0.1,
  lash: 1,
  brows: 0.15,
  build: 0,
}

export const man = {
  name: 'man',
  style: 'short',
  skin: olive,
  hair: { base: '#33231b', light: '#6f5140', dark: '#150d0a' },
  iris: '#5b3a22',
  lips: '#bb6e5e',
  shadow: '#8d5b41',
  clothes: '#3f6186',
  neckline: 'collar',
  under: '#ece7de',
  jaw: 1,
  lash: 0,
  brows: 1,
  build: 0.9,
  beard: 0.32,
}

export const woman = {
  name: 'woman',
  style: 'bob',
  skin: brown,
  hair: { base: '#2a1c1d', light: '#6a4746', dark: '#0e090a' },
  iris: '#4a2a18',
  lips: '#a53b48',
  shadow: '#5c2c28',
  clothes: '#c4574d',
  neckline: 'round',
  under: '#ffffff',
  jaw: 0.2,
  lash: 1,
  brows: 0.3,
  build: 0.05,
}
