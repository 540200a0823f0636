// @ts-check
/**
 * `node infra/local/run.mjs PARENT [--all] PROGRAM [ARGUMENT…]`: set-up (all parts with --all) and build, then the program of dist/, all in
 * this one process. package.json's scripts `exec` it, so that npm is its parent and passes signals on to it; PARENT is npm's
 * number, `$PPID` of the shell in between: once npm has gone, however it went, this process leaves as well.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setUpOrExit } from './setup.mjs'
import { isUnderNohup, watchParent } from './setup/parent.mjs'
import { root } from './setup/root.mjs'

const [parent, ...rest] = process.argv.slice(2)
const all = rest[0] === '--all'
const [program = '', ...args] = all ? rest.slice(1) : rest

const watch = watchParent(Number(parent))
// The hang-up that we ignore, as nohup wants it, has ended npm: Node undoes nohup there too.
if (isUnderNohup()) process.on('SIGHUP', () => watch[Symbol.dispose]())

await setUpOrExit({ all })
const { status } = spawnSync(process.execPath, [join(root, 'infra/local/build.mjs')], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
const path = join(root, 'dist', program)
process.argv = [process.execPath, path, ...args]
await import(path)
