/**
 * `npm run chaos -- --seed N --faults 200`: faults of every kind on a stack of two nodes while videos are rendered, by a schedule
 * that the seed alone decides. Prints the schedule, what each fault cost, a table, and one JSON object as the last line.
 * Exit code 1 when anything was lost, doubled, changed or left behind; then the logs stay where it says.
 *
 *   --runs 10            seeds N to N + 9, one table over all
 *   --longest-seconds 45 how long faults that last may last; 8 by default
 *   --engine infinitetalk the model itself, with tiny random weights and its shortest videos, instead of the demo
 *   --together 0.5       how many faults come in pairs; 0.2 by default
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parts } from '../../infra/local/setup/parts.mjs'
import { root } from '../../infra/local/setup/root.mjs'
import { chaosEnvironment } from './env.js'
import type { Twin } from './after.js'
import { demoOrders, longOrders, modelOrders } from './orders.js'
import { faultTable, tableText } from './report.js'
import { type ChaosResult, chaosRun } from './run.js'
import { kinds } from './schedule.js'

const number = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    engine: number,
    seed: number,
    faults: number,
    runs: number,
    'longest-seconds': number,
    together: number,
    videos: number,
  },
})
const firstSeed = Number(values.seed ?? 1)
const faults = Number(values.faults ?? kinds)
const { engine = 'demo' } = values
if (engine !== 'demo' && engine !== 'infinitetalk') throw new Error(`--engine ${engine}: demo or infinitetalk`)
const isModel = engine === 'infinitetalk'
// The same for all runs, which share their twins: pictures are noise, new each time they are drawn.
const orders = isModel ? await modelOrders() : [...(await demoOrders()), ...(await longOrders(faults))]
const models = mkdtempSync(join(tmpdir(), 'text2video-model-'))
const results: ChaosResult[] = []
const twins = new Map<string, Twin>()
let isWell = true
try {
  const env = chaosEnvironment(isModel ? tinyModel(models) : {})
  for (let run = 0; run < Number(values.runs ?? 1); run++) await one(firstSeed + run, env)
} finally {
  rmSync(models, { recursive: true })
}
const rows = faultTable(results.flatMap(({ records }) => records))
console.log(`\n${tableText(rows)}\n`)
console.log(JSON.stringify({ chaos: { rows, runs: results.map(({ records: _, ...rest }) => rest) } }))
process.exit(isWell ? 0 : 1)

/** A run that breaks off has no part in the table, but the next seeds have their turn. */
async function one(seed: number, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    const result = await chaosRun({
      seed,
      faults,
      longestMs: Number(values['longest-seconds'] ?? 8) * 1000,
      together: Number(values.together ?? 0.2),
      orders,
      videos: Number(values.videos ?? (isModel ? 3 : 12)),
      twins,
      env,
      say: (line) => console.log(line),
    })
    results.push(result)
    for (const violation of result.violations) console.log(`WRONG: ${violation}`)
    if (result.violations.length > 0) console.log(`seed ${seed}: logs in ${result.dir}/data/logs`)
    isWell &&= result.violations.length === 0
  } catch (error) {
    console.log(`WRONG: seed ${seed} broke off: ${String(error)}`)
    isWell = false
  }
}

function tinyModel(folder: string): NodeJS.ProcessEnv {
  const cwd = join(root, 'gaudi-runner')
  execFileSync(parts().python, ['-m', 'tools.tiny_checkpoint', folder], { cwd })
  return { ENGINE: 'infinitetalk', MODEL_DIR: folder, DEVICE: 'cpu' }
}
