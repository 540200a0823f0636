import { takesVideos } from '../../workflows/node.js'
import { type Preset, presetNames } from '../../workflows/presets.js'
import type { Nodes } from '../queue/nodes.js'
import { Problem } from '../http/problems.js'

/**
 * Refuses a preset that no live node has the weights for. A node that is starting has not said yet; while nothing is known
 * nothing is refused, and a node that lacks the weights passes the video on.
 */
export async function checkPreset(preset: Preset, nodes: Pick<Nodes, 'live'>): Promise<void> {
  const known = (await nodes.live()).filter((node) => takesVideos(node) && node.presets.length > 0)
  const isOffered = (name: Preset) => known.some((node) => node.presets.includes(name))
  if (known.length === 0 || isOffered(preset)) return
  const offered = presetNames.filter(isOffered).map((name) => `'${name}'`)
  throw new Problem(
    'invalid_parameter',
    `'preset' ${preset} is offered by no node that is up; offered: ${offered.join(', ') || 'none'}`,
    { param: 'preset' },
  )
}
