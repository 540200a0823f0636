import { type Preset, presets } from '../workflows/order.js'
import type { Nodes } from './nodes.js'
import { Problem } from './problems.js'

/**
 * Refuses a preset that a node lacks the weights for: one queue feeds all nodes, so any of them may get the video. Nodes that
 * are starting have not said yet; while none is known nothing is refused, and a node that lacks it rejects the video.
 */
export async function checkPreset(preset: Preset, nodes: Pick<Nodes, 'live'>): Promise<void> {
  const known = (await nodes.live()).filter((node) => node.state !== 'draining' && node.presets.length > 0)
  const isOffered = (name: Preset) => known.every((node) => node.presets.includes(name))
  if (isOffered(preset)) return
  const offered = presets.filter(isOffered).map((name) => `'${name}'`)
  throw new Problem(
    'invalid_parameter',
    `'preset' ${preset} is not offered by every node; offered: ${offered.join(', ') || 'none'}`,
    { param: 'preset' },
  )
}
