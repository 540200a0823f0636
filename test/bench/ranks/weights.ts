import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ranksFolder } from '../../../gaudi-runner/ranks/rank-command.js'
import { parts } from '../../../infra/local/setup/parts.mjs'
import type { Row } from '../report.js'
import { runOnRanks } from '../../support/runner/run-on-ranks.js'

type Loading = {
  ranks: number
  weights_bytes: number
  host_bytes: number
  plain_read_seconds: number
  placed_seconds: number
  load_seconds: number
}

/**
 * What loading the transformer takes of the host on 8 ranks: memory beside one copy of the weights, and time beside a plain
 * read of the same files, both from a cold page cache. Linux only. How memory is counted: `tools/weight_loading.py`.
 */
export async function benchWeights(): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), 'text2video-weights-'))
  const program = ['-m', 'tools.weight_loading', join(dir, 'model')]
  try {
    await promisify(execFile)(parts().python, program, { cwd: ranksFolder })
    const took = JSON.parse(await runOnRanks(8, ...program)) as Loading
    const plain = { what: 'plain read by one process', value: took.plain_read_seconds }
    return [
      {
        what: `host memory of ${took.ranks} ranks, peak`,
        ...{ value: took.host_bytes / 1e9, unit: 'GB' },
        baseline: { what: 'one copy of the weights', value: took.weights_bytes / 1e9 },
        ...{ ratio: took.host_bytes / took.weights_bytes, wanted: '<= 1.1' },
      },
      {
        what: `checked and placed on ${took.ranks} ranks`,
        ...{ value: took.placed_seconds, unit: 's', baseline: plain },
        ratio: took.placed_seconds / took.plain_read_seconds,
      },
      {
        what: 'and every weight read once by each rank',
        ...{ value: took.load_seconds, unit: 's', baseline: plain },
        ratio: took.load_seconds / took.plain_read_seconds,
      },
    ]
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
