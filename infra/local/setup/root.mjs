// @ts-check
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The repository's root, the same whether this file runs as it is or as its copy in dist/. */
export const root = findRoot(import.meta.dirname)

/** @param {string} folder @returns {string} */
function findRoot(folder) {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('package.json was not found above this program')
  return findRoot(parent)
}
