// @ts-check
/**
 * Writes the requirements.txt beside each requirements.in: every version with its hashes, for Python 3.10 and later on every
 * platform, and without a single address. Run it after changing a requirements.in, and commit both.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './setup/command.mjs'
import { versions } from './setup/parts.mjs'
import { findUv } from './setup/python-parts.mjs'
import { root } from './setup/root.mjs'

const options = ['--universal', '--python-version', '3.10', '--generate-hashes', '--no-annotate', '--no-header', '-q']
const noAddresses = ['--no-emit-index-url', '--no-emit-find-links']

await lock('infra', [])
// Resolved together with torch, but written without it and its CUDA libraries: where torch comes from, set-up finds out.
await lock('gaudi-runner', [`torch==${versions.torch}`])

/** @param {string} folder @param {string[]} beside requirements that are resolved along and not written */
async function lock(folder, beside) {
  const input = join(root, folder, 'requirements.in')
  const output = join(root, folder, 'requirements.txt')
  const all = join(root, 'node_modules', '.requirements.in')
  writeFileSync(all, [readFileSync(input, 'utf8'), ...beside].join('\n'))
  await runCommand(findUv() ?? 'uv', ['pip', 'compile', all, '-o', output, ...options, ...noAddresses])
  const requirements = readFileSync(output, 'utf8').split(/\n(?=\S)/)
  writeFileSync(
    output,
    `${requirements
      .filter((text) => !/^(torch|triton|nvidia-)/.test(text))
      .join('\n')
      .trimEnd()}\n`,
  )
}
