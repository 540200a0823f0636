import assert from 'node:assert/strict'
import test from 'node:test'
import { checkPreset } from '../api/check-preset.js'
import type { NodeAnnouncement } from '../workflows/node.js'

const node = (presets: string[], state: NodeAnnouncement['state'] = 'idle'): NodeAnnouncement => ({
  ...{ node: 'n', at: Date.now(), engine: 'demo', model: 'm', ranks: 2, speeds: [], renders: null },
  presets,
  state,
})
const fleetOf = (...nodes: NodeAnnouncement[]) => ({ live: () => Promise.resolve(nodes) })

test('a preset is taken when every node has its weights, and refused with those that are offered', async () => {
  const both = node(['quality', 'fast'])
  await checkPreset('fast', fleetOf(both, both))
  await checkPreset('fast', fleetOf(both, node(['quality'], 'draining')))
  const refusal = { status: 400, word: 'invalid_parameter', param: 'preset' }
  await assert.rejects(checkPreset('fast', fleetOf(both, node(['quality', 'turbo']))), {
    ...refusal,
    message: "'preset' fast is not offered by every node; offered: 'quality'",
  })
  await assert.rejects(checkPreset('turbo', fleetOf(both)), { ...refusal, message: /offered: 'quality', 'fast'$/ })
})

test('nothing is refused while no node has said what it offers', async () => {
  await checkPreset('turbo', fleetOf())
  await checkPreset('turbo', fleetOf(node([], 'starting')))
})
