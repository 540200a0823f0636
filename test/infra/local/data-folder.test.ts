import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { closeToOthers, ownFolder } from '../../../infra/files/private-folder.js'
import { BadSettings } from '../../../infra/program/settings.js'
import { DataFolder, DataInUse } from '../../../infra/local/data/data-folder.js'
import { startStack } from '../../../infra/local/stack/stack.js'

const nobody = 65534
const isRoot = process.getuid?.() === 0
const onlyRoot = isRoot ? {} : { skip: 'only root can give a file to another user' }

function folder(context: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'text2video-data-')))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

test('a new data folder is closed to other users, whatever the umask', (context) => {
  const before = process.umask(0)
  context.after(() => process.umask(before))
  const path = join(folder(context), 'deep', 'data')
  using data = new DataFolder(path)
  data.secrets()
  assert.equal(data.mended, undefined)
  assert.deepEqual([path, data.logDir].map(modeOf), ['700', '700'])
  assert.deepEqual(
    ['stack.pid', 'secrets.json'].map((name) => modeOf(join(path, name))),
    ['600', '600'],
  )
})

test('an older folder is closed, all of it, and says so once', (context) => {
  const path = folder(context)
  mkdirSync(join(path, 'minio/bucket'), { recursive: true })
  writeFileSync(join(path, 'minio/bucket/xl.meta'), '')
  writeFileSync(join(path, 'temporal.db'), '')
  const elsewhere = join(folder(context), 'file')
  writeFileSync(elsewhere, '')
  symlinkSync(elsewhere, join(path, 'link'))
  for (const name of ['', 'minio', 'minio/bucket']) chmodSync(join(path, name), 0o755)
  for (const name of ['minio/bucket/xl.meta', 'temporal.db']) chmodSync(join(path, name), 0o644)
  chmodSync(elsewhere, 0o644)
  {
    using data = new DataFolder(path)
    assert.match(data.mended ?? '', /\(mode 755\): 5 files and folders were open to other users, and are closed now$/)
  }
  assert.deepEqual(
    ['', 'minio', 'minio/bucket'].map((name) => modeOf(join(path, name))),
    ['700', '700', '700'],
  )
  assert.deepEqual(
    ['minio/bucket/xl.meta', 'temporal.db'].map((name) => modeOf(join(path, name))),
    ['600', '600'],
  )
  assert.equal(modeOf(elsewhere), '644', 'a link is not followed')
  using again = new DataFolder(path)
  assert.equal(again.mended, undefined)
})

test('where there is no time for all of it, the folder itself is closed', (context) => {
  const path = folder(context)
  writeFileSync(join(path, 'file'), '')
  chmodSync(path, 0o755)
  assert.match(closeToOthers(path, { limitMs: 0 }) ?? '', /not all of it could be looked at in time/)
  assert.equal(modeOf(path), '700')
})

test('a folder that cannot be made is named with its setting', (context) => {
  const file = join(folder(context), 'file')
  writeFileSync(file, '')
  assert.throws(() => ownFolder('DATA_DIR', join(file, 'data')), refused(/^DATA_DIR=.*ENOTDIR/))
})

test("a folder of another user's is refused", onlyRoot, (context) => {
  const path = folder(context)
  chownSync(path, nobody, nobody)
  assert.throws(() => ownFolder('RUNNER_DIR', path), refused(/^RUNNER_DIR=.* belongs to another user \(uid 65534\)/))
})

test(
  "a link to a folder of another's, and a link of another's, are refused; one of ours is followed",
  onlyRoot,
  (context) => {
    const path = folder(context)
    const [ours, theirs, link] = [join(path, 'ours'), join(path, 'theirs'), join(path, 'link')]
    mkdirSync(ours)
    mkdirSync(theirs)
    chownSync(theirs, nobody, nobody)
    symlinkSync(ours, link)
    assert.equal(ownFolder('DATA_DIR', link), ours)
    lchownSync(link, nobody, nobody)
    assert.throws(() => ownFolder('DATA_DIR', link), refused(/a symbolic link of another user/))
    rmSync(link)
    symlinkSync(theirs, link)
    assert.throws(() => ownFolder('DATA_DIR', link), refused(/theirs belongs to another user/))
  },
)

test('the keys of MinIO are made once: of its root, and of a user for the programs', (context) => {
  const path = folder(context)
  using data = new DataFolder(path)
  const secrets = data.secrets()
  assert.notEqual(secrets.root.MINIO_ROOT_PASSWORD, secrets.bucket.S3_SECRET_KEY)
  assert.deepEqual(data.secrets(), secrets)
  const { format, ...keys } = JSON.parse(readFileSync(join(path, 'secrets.json'), 'utf8')) as { format: number }
  assert.equal(format, 2)
  assert.deepEqual(keys, { ...secrets.root, ...secrets.bucket })
})

test('a secrets.json with the keys of the root alone keeps them, and gains a user', (context) => {
  const path = folder(context)
  const file = join(path, 'secrets.json')
  writeFileSync(file, JSON.stringify({ S3_ACCESS_KEY: 'old-user', S3_SECRET_KEY: 'old-key' }), { mode: 0o644 })
  using data = new DataFolder(path)
  const { root, bucket } = data.secrets()
  assert.deepEqual(root, { MINIO_ROOT_USER: 'old-user', MINIO_ROOT_PASSWORD: 'old-key' })
  assert.notEqual(bucket.S3_ACCESS_KEY, 'old-user')
  assert.deepEqual(data.secrets(), { root, bucket })
  assert.equal(modeOf(file), '600')
})

for (const [what, text] of [
  ['of a newer format', '{"format":3}'],
  ['cut short', '{"format":2,"MINIO_'],
] as const) {
  test(`a secrets.json ${what} is left as it is, and named`, (context) => {
    const path = folder(context)
    const file = join(path, 'secrets.json')
    writeFileSync(file, text)
    using data = new DataFolder(path)
    assert.throws(() => data.secrets(), refused(/secrets\.json does not have MinIO's keys in a format up to 2/))
    assert.equal(readFileSync(file, 'utf8'), text)
  })
}

test('a second stack on the same data names the first, before it looks at ports; a dead one does not count', async (context) => {
  const path = folder(context)
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'a-stack'], { stdio: 'ignore' })
  await once(holder, 'spawn')
  writeFileSync(join(path, 'stack.pid'), String(holder.pid))
  const taken = 1 // a port that cannot be had, or can: it is not looked at
  const env = { DATA_DIR: path, API_PORT: String(taken), S3_PORT: String(taken) }
  await assert.rejects(
    startStack({ env, show: () => undefined, signal: context.signal }),
    (error) => error instanceof DataInUse && error.message.includes(`kill ${holder.pid}`),
  )
  if (process.platform === 'linux') assert.throws(() => new DataFolder(path), /pid \d+: node -e .* a-stack/)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  new DataFolder(path)[Symbol.dispose]()
})

function refused(message: RegExp) {
  return (error: unknown) => error instanceof BadSettings && message.test(error.message)
}
