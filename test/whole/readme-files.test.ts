import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../infra/local/setup/root.mjs'

// A folder's README begins with a tree: a line for each room and each file (or several files that do one thing), with a phrase. A
// folder that has a README of its own is one line in it.

/** Names of files that programs write. */
const made = new Set(['job.json', '/openapi.json'])

for (const folder of ['api', 'activities', 'gaudi-runner', 'infra', 'workflows', 'test']) {
  const readme = readFileSync(join(root, folder, 'README.md'), 'utf8')
  const tree = treeOf(readme)

  test(`${folder}/README.md: what its tree names is there, and named once`, () => {
    assert.deepEqual(
      tree.filter((path) => !existsSync(join(root, folder, path))),
      [],
    )
    assert.deepEqual(
      tree.filter((path, index) => tree.indexOf(path) !== index),
      [],
    )
  })

  test(`${folder}/README.md: every source file of the folder is in its tree`, () => {
    const named = new Set(tree)
    assert.deepEqual(
      sourcesBelow(folder).filter((path) => !named.has(path)),
      [],
    )
  })

  test(`${folder}/README.md: files named outside its tree are there`, () => {
    const text = readme.replaceAll(/^```[\s\S]*?^```/gm, '')
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path)
    const quoted = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs|py|md|proto|in|json))`/g)].map(([, path = '']) => path)
    const isMissing = (path: string): boolean =>
      !places(folder, path, tree).some((place) => existsSync(join(root, place)))
    assert.deepEqual([...links, ...quoted.filter((path) => !made.has(path))].filter(isMissing), [])
  })
}

/** Where a file may be that a README names: as seen from the README, from the root, or in the tree under this name. */
function places(folder: string, path: string, tree: readonly string[]): string[] {
  const inTree = tree.filter((known) => known.endsWith(`/${path}`)).map((known) => `${folder}/${known}`)
  return [`${folder}/${path}`, path, ...inTree]
}

/** Paths from the README's folder on; those of folders end with `/`. */
function treeOf(readme: string): string[] {
  const block = /^```\n([\s\S]*?)^```/m.exec(readme)?.[1]
  assert.ok(block !== undefined, 'the README has no tree')
  const paths: string[] = []
  let parents: string[] = []
  for (const line of block.trimEnd().split('\n')) {
    const [, indent = '', names = ''] = /^((?: {2})*)([^\s,]+(?:, [^\s,]+)*)(?: +\S.*)?$/.exec(line) ?? []
    parents = parents.slice(0, indent.length / 2)
    for (const name of names.split(', ')) paths.push([...parents, name].join(''))
    if (names.endsWith('/')) parents.push(names)
  }
  return paths
}

/** TypeScript, plain Node and protobuf files, from the folder on; not below a folder whose README lists its own. */
function sourcesBelow(folder: string, path = ''): string[] {
  return readdirSync(join(root, folder, path), { withFileTypes: true }).flatMap((entry) => {
    const inner = `${path}${entry.name}`
    if (!entry.isDirectory()) return /\.(ts|mjs|proto)$/.test(entry.name) ? [inner] : []
    const isOthers = /^(generated|node_modules|\.\w+)$/.test(entry.name)
    const hasItsOwn = existsSync(join(root, folder, inner, 'README.md'))
    return isOthers || hasItsOwn ? [] : sourcesBelow(folder, `${inner}/`)
  })
}
