/**
 * `npm run bench -- NAME`: one measurement, on a stack of its own where it needs one; a table, then one JSON object as the last line.
 * Nothing here is asserted: timings belong to people and to comparisons, ratios are of one run on one machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { freePorts } from '../../infra/local/stack/stack-settings.js'
import { withStack } from '../../infra/local/stack/with-stack.js'
import { benchApi } from './api.js'
import { benchComm } from './ranks/comm.js'
import { benchDemo } from './demo.js'
import { benchDispatch } from './dispatch.js'
import { benchDownload } from './download.js'
import { benchMemory } from './ranks/memory.js'
import { report } from './report.js'
import { benchUpload } from './upload.js'
import { benchWeights } from './ranks/weights.js'

const onStack = {
  api: benchApi,
  demo: benchDemo,
  dispatch: benchDispatch,
  download: benchDownload,
  upload: benchUpload,
}

const alone = {
  comm: benchComm,
  memory: benchMemory,
  weights: benchWeights,
}

const name = process.argv[2] ?? ''
const own = Object.entries(alone).find(([known]) => known === name)?.[1]
if (own !== undefined) {
  report(name, await own())
  process.exit()
}
const bench = Object.entries(onStack).find(([known]) => known === name)?.[1]
if (bench === undefined) {
  console.error(
    `npm run bench -- ${Object.keys({ ...onStack, ...alone })
      .sort()
      .join(' | ')}`,
  )
  process.exit(2)
}

Runtime.install({ logger: new DefaultLogger('WARN') })
const dataDir = mkdtempSync(join(tmpdir(), 'text2video-bench-'))
const env = { ...process.env, ...freePorts, DATA_DIR: dataDir }
try {
  await withStack({ env, show: () => undefined }, async (stack) => report(name, await bench(stack)))
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit()
