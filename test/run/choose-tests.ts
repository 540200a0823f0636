import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

/** What a test file needs: nothing but itself, runners or stacks of its own, the shared stack, or the whole machine for stacks that it kills. */
export type Needs = 'nothing' | 'runner' | 'stack' | 'machine'

export type TestFile = { path: string; needs: Needs }

/**
 * The test files below `folder` (built ones) whose path there contains one of the words; all of them where there is no word. An
 * `.extra` file, which needs what set-up does not bring, only by its whole name.
 */
export function chooseTests(folder: string, words: readonly string[]): TestFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => isChosen(path, words))
    .sort()
    .map((path) => join(folder, path))
    .map((path) => ({ path, needs: needsOf(path, folder) }))
}

function isChosen(path: string, words: readonly string[]): boolean {
  if (path.endsWith('.extra.js')) return words.includes(basename(path, '.extra.js'))
  return path.endsWith('.test.js') && (words.length === 0 || words.some((word) => path.includes(word)))
}

/** Read from its imports, so that no list of files is kept beside them. */
function needsOf(path: string, folder: string): Needs {
  const imported = [...importsOf(path)].map((file) => relative(folder, file))
  if (imported.includes('chaos/stack.js')) return 'machine'
  if (imported.includes('support/test-stack.js')) return 'stack'
  return imported.includes('support/runner/local-runner.js') ? 'runner' : 'nothing'
}

/** Every file of ours that this one imports, and those that they import. */
function importsOf(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path) || !existsSync(path)) return found
  found.add(path)
  for (const [, specifier = ''] of readFileSync(path, 'utf8').matchAll(/(?:from|import) '(\.[^']+)'/g)) {
    importsOf(resolve(dirname(path), specifier), found)
  }
  return found
}
