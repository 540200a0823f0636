// @ts-check
import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Whether the stamp file says that what stands beside it was made from `inputs`.
 * @param {string} file @param {string} inputs
 */
export function isStamped(file, inputs) {
  try {
    return readFileSync(file, 'utf8') === inputs
  } catch {
    return false
  }
}

/**
 * Says so, as the last act of making it: a killed build leaves no stamp.
 * @param {string} file @param {string} inputs
 */
export function stamp(file, inputs) {
  writeFileSync(file, inputs)
}
