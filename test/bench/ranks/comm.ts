import type { Row } from '../report.js'
import { runOnRanks } from '../../support/runner/run-on-ranks.js'

type Communication = {
  ranks: number
  counted: { tokens: number; counted: number; formula: number }[]
  published: Record<'480' | '720', { tokens: number; formula: number }>
}

/** GB a rank and token in the original, from 27.1 GB at 33,600 tokens: keys and values of all tokens go to all ranks (calculated). */
const originalGbPerToken = 27.1 / 33_600

/**
 * What a rank sends in one forward pass of InfiniteTalk on 8 ranks: counted on small models, where the formula must agree,
 * and by that formula for the published model in bfloat16, which no laptop holds.
 */
export async function benchComm(): Promise<Row[]> {
  const told = await runOnRanks(8, '-m', 'tools.communication')
  const { ranks, counted, published } = JSON.parse(told) as Communication
  return [
    ...counted.map(({ tokens, counted: value, formula }) => ({
      what: `counted: tiny model, ${tokens} tokens, ${ranks} ranks`,
      ...{ value, unit: 'B', baseline: { what: 'formula', value: formula } },
      ...{ ratio: value / formula, wanted: '1' },
    })),
    ...Object.entries(published).map(([size, { tokens, formula }]) => ({
      what: `formula: ${size}, 81 frames, ${tokens} tokens, ${ranks} ranks`,
      ...{
        value: formula / 1e9,
        unit: 'GB',
        baseline: { what: 'the original, calculated', value: tokens * originalGbPerToken },
      },
      ...{ ratio: formula / 1e9 / (tokens * originalGbPerToken), ...(size === '480' && { wanted: '6.0 GB' }) },
    })),
  ]
}
