import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../infra/local/setup/root.mjs'

/** A test as a page names it: the file, below the root, and the name as it is written there. */
export type NamedTest = { file: string; name: string }

const isFile = (span: string): boolean => /^(test|gaudi-runner\/tests)\/\S+\.(test\.ts|py)$/.test(span)

/**
 * The tests of a piece of Markdown of the form ``file`: `name`; `name`` (any number of either). A span that is no file belongs to the
 * file before it; throws where there is none.
 */
export function namedTests(markdown: string): NamedTest[] {
  const named: NamedTest[] = []
  let file: string | undefined
  for (const [, span = ''] of markdown.matchAll(/`([^`]+)`/g)) {
    if (isFile(span)) file = span
    else if (file === undefined) throw new Error(`which file is ${span} in?`)
    else named.push({ file, name: span })
  }
  return named
}

const namesByFile = new Map<string, Set<string>>()

/** Every test and subtest of a file, as its source has the names: `${…}` of a template stays as it is. */
export function testNames(file: string): Set<string> {
  const known = namesByFile.get(file)
  if (known !== undefined) return known
  const path = join(root, file)
  const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const names = new Set<string>()
  if (file.endsWith('.py')) {
    for (const [, name = ''] of source.matchAll(/^def (test_\w+)\(/gm)) names.add(name)
  } else {
    const calls = /^\s*(?:await )?(?:\w+\.)?test\(\s*(['"`])((?:\\.|(?!\1).)+)\1,/gm
    for (const [, , name = ''] of source.matchAll(calls)) names.add(name.replace(/\\(['"`\\])/g, '$1'))
  }
  namesByFile.set(file, names)
  return names
}
