/**
 * `npm run bench -- NAME`: one measurement on a stack of its own; a table, then one JSON object as the last line.
 * Nothing here is asserted: timings belong to people and to comparisons, ratios are of one run on one machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { freePorts } from '../infra/stack/stack-settings.js'
import { withStack } from '../infra/stack/with-stack.js'
import { benchApi } from './bench-api.js'
import { benchDemo } from './bench-demo.js'
import { benchDispatch } from './bench-dispatch.js'
import { benchDownload } from './bench-download.js'
import { report } from './bench-report.js'
import { benchUpload } from './bench-upload.js'

const benches = {
  api: benchApi,
  demo: benchDemo,
  dispatch: benchDispatch,
  download: benchDownload,
  upload: benchUpload,
}

const name = process.argv[2] ?? ''
const bench = Object.entries(benches).find(([known]) => known === name)?.[1]
if (bench === undefined) {
  console.error(`npm run bench -- ${Object.keys(benches).join(' | ')}`)
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
