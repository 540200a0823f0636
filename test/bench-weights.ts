import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parts } from '../infra/setup/parts.mjs'
import { root } from '../infra/setup/root.mjs'
import type { Row } from './bench-report.js'

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
  const python = (...args: string[]) =>
    promisify(execFile)(parts().python, [...args, '-m', 'tools.weight_loading', join(dir, 'model')], {
      cwd: join(root, 'gaudi-runner'),
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    })
  try {
    await python()
    const { stdout } = await python('-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=8')
    // gloo tells on stdout whom it has met; the numbers come last.
    const took = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Loading
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
