import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { checkPreset } from '../../../api/acceptance/check-preset.js'
import { root } from '../../../infra/local/setup/root.mjs'
import type { NodeAnnouncement } from '../../../workflows/node.js'
import { presets } from '../../../workflows/presets.js'
import { guidancePasses } from '../../../workflows/work.js'

const node = (presets: string[], state: NodeAnnouncement['state'] = 'idle'): NodeAnnouncement => ({
  ...{ node: 'n', at: Date.now(), engine: 'demo', model: 'm', ranks: 2, speeds: [], renders: null },
  presets,
  state,
})
const fleetOf = (...nodes: NodeAnnouncement[]) => ({ live: () => Promise.resolve(nodes) })

test('a preset is taken when a node has its weights, and refused with those that are offered', async () => {
  const both = node(['quality', 'fast'])
  await checkPreset('fast', fleetOf(both, node(['quality'])))
  const refusal = { status: 400, type: 'invalid_parameter', param: 'preset' }
  await assert.rejects(checkPreset('turbo', fleetOf(both, node(['quality']))), {
    ...refusal,
    message: "'preset' turbo is offered by no node that is up; offered: 'quality', 'fast'",
  })
  await assert.rejects(checkPreset('turbo', fleetOf(both, node(['turbo'], 'draining'))), refusal)
})

test('nothing is refused while no node has said what it offers', async () => {
  await checkPreset('turbo', fleetOf())
  await checkPreset('turbo', fleetOf(node([], 'starting')))
})

test('docs/parameters.md shows the presets as they are', () => {
  const lines = readFileSync(join(root, 'docs/parameters.md'), 'utf8').split('\n')
  const rows = lines.filter((line) => /^\| `\w+`/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()))
  const shown = rows.map(([, name, , ...values]) => [name?.split('`')[1], ...values.slice(0, 5).map(Number)])
  const expected = Object.entries(presets).map(([name, { steps, guide_scale, audio_guide_scale, shift }]) => {
    const passes = steps * guidancePasses({ guide_scale, audio_guide_scale })
    return [name, steps, guide_scale, audio_guide_scale, shift, passes]
  })
  assert.deepEqual(shown, expected)
})
