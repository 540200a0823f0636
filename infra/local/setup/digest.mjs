// @ts-check
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * sha256 in hex of some files and texts together; what a stamp records to tell whether something has changed.
 * @param {{ files?: string[], texts?: string[] }} of
 */
export function digest({ files = [], texts = [] }) {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text}\0`)
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}
