import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Speeds } from '../../gaudi-runner/ranks/speeds.js'

const word = (tokens: number, seconds: number) => ({ tokens_per_forward: tokens, seconds_per_forward: seconds })

test('a node remembers the newest speed of each of the 32 newest token counts', () => {
  const speeds = new Speeds()
  speeds.measured(word(33_600, 0)) // not measured
  for (let tokens = 1; tokens <= 40; tokens++) speeds.measured(word(tokens, tokens))
  speeds.measured(word(20, 5))
  const newest = speeds.newest
  assert.equal(newest.length, 32)
  assert.deepEqual(newest.slice(0, 2), [
    { tokensPerForward: 20, secondsPerForward: 5 },
    { tokensPerForward: 40, secondsPerForward: 40 },
  ])
  assert.equal(newest.at(-1)?.tokensPerForward, 9)
  assert.equal(newest.filter(({ tokensPerForward }) => tokensPerForward === 20).length, 1)
})
