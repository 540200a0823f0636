/**
 * The presets that a video can ask for: the values of parameters that go with each one's weights, unless the order gives its own.
 * A node offers those that it has the weights for; which weights they are: `gaudi-runner/pipeline/presets.py`.
 *
 * `quality` is the contract's own defaults. The other two are the settings that were published with the distilled weights: text
 * guide 1 leaves two passes a step, so they cost 16 and 8 passes a chunk instead of 150. The shift of `turbo` is that of its
 * authors' own samplers (`sample_shift` 5 in ModelTC/LightX2V's four-step configurations).
 */
export const presets = {
  quality: { steps: 50, guide_scale: 5, audio_guide_scale: 5, shift: 5 },
  fast: { steps: 8, guide_scale: 1, audio_guide_scale: 2, shift: 2 },
  turbo: { steps: 4, guide_scale: 1, audio_guide_scale: 2, shift: 5 },
} as const

export type Preset = keyof typeof presets
export const presetNames = Object.keys(presets) as Preset[]

/** One line each, for the docs. */
export const presetsInWords = Object.entries(presets)
  .map(([name, values]) => {
    const shown = Object.entries(values).map(([parameter, value]) => `${parameter} ${value}`)
    return `\`${name}\`: ${shown.join(', ')}`
  })
  .join('; ')
