import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parts } from '../../../infra/local/setup/parts.mjs'
import { root } from '../../../infra/local/setup/root.mjs'
import type { Row } from '../report.js'

type Measured = { seconds: number; chunks: number; render_seconds: number; peak_kib: number[] }

/** Peak memory of every rank for ten minutes of sound beside ten seconds: the tiny model, small pictures, one step. */
export async function benchMemory(): Promise<Row[]> {
  const { python, ffmpeg } = parts()
  const options = {
    cwd: join(root, 'gaudi-runner'),
    env: { ...process.env, FFMPEG_PATH: ffmpeg, OMP_NUM_THREADS: '1' },
  }
  const { stdout } = await promisify(execFile)(python, ['tests/measure_memory.py', '2', '10', '600'], options)
  // gloo tells on stdout whom it has met; the numbers come last.
  const [short, long] = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as [Measured, Measured]
  return [
    ...long.peak_kib.map((kib, rank) => {
      const value = kib / 1024
      const baseline = { what: `${short.seconds} s`, value: (short.peak_kib[rank] ?? 0) / 1024 }
      return {
        what: `peak memory of rank ${rank}, ${long.seconds} s of sound, ${long.chunks} chunks`,
        ...{ value, unit: 'MiB', baseline, ratio: value / baseline.value, wanted: '≤ 1.05' },
      }
    }),
    {
      what: `render of ${long.chunks} chunks`,
      ...{ value: long.render_seconds, unit: 's', baseline: { what: `${short.chunks}`, value: short.render_seconds } },
    },
  ]
}
