// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './command.mjs'
import { root } from './root.mjs'

/**
 * Whether node_modules holds what package-lock.json says. npm records what it has installed as its last act, so a killed
 * installation counts as none.
 */
export function hasNodeModules() {
  const wanted = packagesIn('package-lock.json')
  const installed = packagesIn('node_modules/.package-lock.json')
  if (wanted === undefined || installed === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    const found = installed[path]
    // Optional ones are those of other platforms.
    return path === '' || (found === undefined ? entry.optional === true : found.version === entry.version)
  })
}

/** @param {(line: string) => void} say */
export async function installNodeModules(say) {
  await runCommand('npm', ['ci', '--no-progress'], { say, cwd: root })
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}
