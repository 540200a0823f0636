import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import test from 'node:test'
import { torchrunCommand } from '../gaudi-runner/rank-command.js'
import { engineSettings, readSettings, runnerSettings } from '../infra/settings.js'

const commandOf = async (env: Record<string, string>) =>
  (await torchrunCommand({ ...readSettings(env, { ...runnerSettings, ...engineSettings }), FFMPEG_PATH: 'ffmpeg' }))(
    '/run/ranks.sock',
  ).args

test("Gaudi's settings reach the ranks before torch is imported, the recipes' folder in full", async () => {
  const args = await commandOf({})
  const recipes = resolve('.data/gaudi-recipes')
  for (const setting of ['PT_HPU_LAZY_MODE=1', `PT_HPU_RECIPE_CACHE_CONFIG=${recipes},false,40960`])
    assert.ok(args.includes(setting) && args.indexOf(setting) < args.indexOf('-m'), setting)
})

test('what the operator sets counts, a cache that is off included', async () => {
  const args = await commandOf({ PT_HPU_LAZY_MODE: '0', PT_HPU_RECIPE_CACHE_CONFIG: ',false,1024' })
  assert.ok(args.includes('PT_HPU_LAZY_MODE=0'))
  assert.ok(args.includes('PT_HPU_RECIPE_CACHE_CONFIG=,false,1024'))
})
