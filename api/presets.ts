import { presets, type Preset } from '../workflows/order.js'

/** What a preset stands for beside its weights: each of these, unless the order gives its own. */
export type PresetValues = { steps: number; guide_scale: number; audio_guide_scale: number; shift: number }

/**
 * `quality` is the contract's own defaults. The other two are the settings that were published with the distilled weights
 * (facts: pipeline 6.4): text guide 1 leaves two passes a step, so they cost 16 and 8 passes a chunk instead of 150. The shift of
 * `turbo` is that of its authors' own samplers (`sample_shift` 5 in ModelTC/LightX2V's four-step configurations).
 */
export const presetValues = {
  quality: { steps: 50, guide_scale: 5, audio_guide_scale: 5, shift: 5 },
  fast: { steps: 8, guide_scale: 1, audio_guide_scale: 2, shift: 2 },
  turbo: { steps: 4, guide_scale: 1, audio_guide_scale: 2, shift: 5 },
} as const satisfies Record<Preset, PresetValues>

/** One line each, for the docs. */
export const presetsInWords = presets
  .map((name) => {
    const { steps, guide_scale, audio_guide_scale, shift } = presetValues[name]
    return `\`${name}\`: steps ${steps}, guide_scale ${guide_scale}, audio_guide_scale ${audio_guide_scale}, shift ${shift}`
  })
  .join('; ')
