import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Replaces a small file as a whole: whoever reads it finds the old text or the new one, after a power cut too.
 *
 * Synchronous, so that nothing can be told before it is kept, nor overtake it; it takes a few milliseconds.
 * Not `.part`: that is what the ranks call theirs, and they remove those.
 */
export function replaceFile(path: string, text: string): void {
  const unfinished = `${path}.new`
  const file = openSync(unfinished, 'w', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(unfinished, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder) // the new name, and those of the files that came before it
  } finally {
    closeSync(folder)
  }
}
