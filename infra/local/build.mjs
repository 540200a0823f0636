// @ts-check
/**
 * The build: types from the .proto, then tsc, then the workflow bundle; each only when its inputs have changed.
 * A mistake that tsc finds ends it with tsc's exit code.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { digest } from './setup/digest.mjs'
import { root } from './setup/root.mjs'
import { isStamped, stamp } from './setup/stamp.mjs'

const dist = join(root, 'dist')
const proto = 'gaudi-runner/runner.proto'
const generated = 'gaudi-runner/generated'
const grpcOptions = [
  '--longs=Number',
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--importFileExtension=.js',
  '--grpcLib=@grpc/grpc-js',
  `--outDir=${generated}`,
]
const bundle = join(dist, 'workflow-bundle.js')

generateTypes()
removeStale(dist)
compile()
await bundleWorkflows()

function generateTypes() {
  const inputs = digest({ files: [join(root, proto)], texts: grpcOptions })
  const mark = join(root, generated, '.stamp')
  if (isStamped(mark, inputs)) return
  rmSync(join(root, generated), { recursive: true, force: true })
  runTool('@grpc/proto-loader/build/bin/proto-loader-gen-types.js', [...grpcOptions, proto])
  stamp(mark, inputs)
}

/** tsc alone needs 2 s to find that nothing has changed; a digest of the sources needs 20 ms. */
function compile() {
  const folders = ['workflows', 'activities', 'api', 'gaudi-runner', 'infra', 'test']
  const sources = folders.flatMap((folder) => sourcesIn(join(root, folder)))
  const inputs = digest({ files: [...sources, join(root, 'tsconfig.json'), join(root, 'package-lock.json')] })
  const mark = join(dist, '.sources')
  if (isStamped(mark, inputs)) return
  runTool('typescript-7/bin/tsc', ['--project', root])
  stamp(mark, inputs)
}

/** @param {string} folder @returns {string[]} */
function sourcesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sourcesIn(path)
    return /\.(ts|mjs|js)$/.test(entry.name) ? [path] : []
  })
}

/**
 * Removes output whose source is gone: tsc leaves it, and `node --test` would run it.
 * @param {string} folder
 */
function removeStale(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const source = join(root, relative(dist, path)).replace(/\.map$/, '')
    if (entry.isDirectory()) removeStale(path)
    else if (folder !== dist && !existsSync(source) && !existsSync(source.replace(/\.js$/, '.ts'))) rmSync(path)
  }
}

async function bundleWorkflows() {
  const folder = join(dist, 'workflows')
  const entry = join(folder, 'index.js')
  if (!existsSync(entry)) throw new Error('workflows/index.ts is missing')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .sort()
    .map((name) => join(folder, name))
  // The lock file stands for the SDK that is bundled along.
  const inputs = digest({ files: [...files, join(root, 'package-lock.json')] })
  const mark = `${bundle}.stamp`
  if (existsSync(bundle) && isStamped(mark, inputs)) return
  // dist, not the sources: a workflow that imports an activity as a value fails here (it would pass unseen from .ts).
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker')
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: new DefaultLogger('WARN') })
  writeFileSync(bundle, code)
  stamp(mark, inputs)
  console.log(`workflow bundle: ${(statSync(bundle).size / 1e6).toFixed(1)} MB`)
}

/** @param {string} script @param {string[]} args */
function runTool(script, args) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
}
