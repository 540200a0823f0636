import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import test from 'node:test'
import { rankCommand } from '../../gaudi-runner/ranks/rank-command.js'
import { engineSettings, readSettings, runnerSettings } from '../../infra/program/settings.js'

const commandOf = async (env: Record<string, string>) =>
  (await rankCommand({ ...readSettings(env, { ...runnerSettings, ...engineSettings }), FFMPEG_PATH: 'ffmpeg' }))(
    1,
    '/run/launch/control.sock',
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

test('a rank is told which one it is, where the others are met, and to listen on loopback alone', async () => {
  const args = await commandOf({ RANKS: '8' })
  const told = ['RANK=1', 'LOCAL_RANK=1', 'WORLD_SIZE=8', 'LOCAL_WORLD_SIZE=8', 'RANKS_STORE=/run/launch/store']
  const loopback = process.platform === 'darwin' ? 'lo0' : 'lo'
  const listening = [`GLOO_SOCKET_IFNAME=${loopback}`, 'HCCL_SOCKET_IFNAME=lo', 'NCCL_SOCKET_IFNAME=lo']
  for (const setting of [...told, ...listening]) assert.ok(args.includes(setting), setting)
})
