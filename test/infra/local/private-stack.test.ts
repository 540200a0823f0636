/** What other users of the machine, and the programs of the stack themselves, cannot reach of a running stack. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { createS3Client, type S3Address } from '../../../infra/s3/s3-client.js'
import { connectObjectStore } from '../../../infra/s3/s3-object-store.js'
import { minioAdminCall } from '../../../infra/local/data/minio-admin-call.js'
import { readSecrets } from '../../../infra/local/data/secrets.js'
import { processesOf } from '../../run/leftovers.js'
import { testStack } from '../../support/test-stack.js'

const stack = testStack()
const { MINIO_ROOT_USER, MINIO_ROOT_PASSWORD } = readSecrets(join(stack.dataDir, 'secrets.json')).root
const asRoot: S3Address = { ...stack.s3, S3_ACCESS_KEY: MINIO_ROOT_USER, S3_SECRET_KEY: MINIO_ROOT_PASSWORD }
const isLinux = process.platform === 'linux'

test('every folder of a running stack has mode 700, every file 600', async () => {
  await using store = await connectObjectStore(stack.s3)
  await store.put('private-stack/object', 'x')
  const open = inside(stack.dataDir).flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false }) // some are gone by now
    if (!found) return []
    const mode = (found.mode & 0o777).toString(8)
    return mode === (found.isDirectory() ? '700' : '600') ? [] : [`${mode} ${path}`]
  })
  await store.removeAll('private-stack/')
  const all = inside(stack.dataDir)
  for (const part of ['temporal.db', 'temporal.db-wal', 'stack.pid', 'secrets.json', 'logs/api.log', 'runner-1'])
    assert.ok(all.includes(join(stack.dataDir, part)), `${part} was looked at`)
  assert.deepEqual(open, [])
})

test('another user reads nothing of it', { skip: cannotBeNobody() }, () => {
  const read = (path: string) => {
    const command = ['--reuid', '65534', '--regid', '65534', '--clear-groups', 'head', '-c', '1', path]
    execFileSync('setpriv', command, { stdio: 'pipe' })
  }
  assert.doesNotThrow(() => read('/etc/hostname'), 'nobody reads what is public')
  for (const path of ['temporal.db', 'logs/api.log', 'secrets.json', 'stack.pid'])
    assert.throws(() => read(join(stack.dataDir, path)), /Permission denied/)
})

test('no process but MinIO has the keys of its root in its environment', {
  skip: !isLinux && 'there is no /proc',
}, () => {
  const holders = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(MINIO_ROOT_PASSWORD))
    .map((pid) => read(`/proc/${pid}/cmdline`).split('\0')[0] ?? '')
  assert.deepEqual(
    holders.map((program) => program.split('/').at(-1)),
    ['minio'],
  )
  const bucketKeys = processesOf(stack.dataDir).filter((line) =>
    read(`/proc/${Number.parseInt(line, 10)}/environ`).includes(stack.s3.S3_SECRET_KEY),
  )
  assert.ok(bucketKeys.length > 3, 'the search sees environments: the programs have the other keys')
})

test('the keys of the programs reach nothing of MinIO but the objects of the bucket', async (context) => {
  const s3 = createS3Client(stack.s3)
  context.after(() => s3.destroy())
  const denied = { name: 'AccessDenied' }
  const Bucket = 'text2video-other'
  await assert.rejects(s3.send(new CreateBucketCommand({ Bucket })), denied)

  const root = createS3Client(asRoot)
  context.after(() => root.destroy())
  await root.send(new CreateBucketCommand({ Bucket }))
  context.after(() => root.send(new DeleteBucketCommand({ Bucket })))
  const { Buckets = [] } = await s3.send(new ListBucketsCommand())
  assert.deepEqual(
    Buckets.map(({ Name }) => Name),
    [stack.s3.S3_BUCKET],
  )
  await assert.rejects(s3.send(new ListObjectsV2Command({ Bucket })), denied)
  await assert.rejects(s3.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'x' })), denied)
  await assert.rejects(s3.send(new DeleteBucketCommand({ Bucket: stack.s3.S3_BUCKET })), denied)
  const open = { Bucket: stack.s3.S3_BUCKET, Policy: '{"Version":"2012-10-17","Statement":[]}' }
  await assert.rejects(s3.send(new PutBucketPolicyCommand(open)), denied)
})

test('the keys of the programs administer nothing, not even themselves', async () => {
  const calls = [
    { method: 'GET', path: 'info' },
    { method: 'GET', path: 'list-users' },
    { method: 'GET', path: 'export-iam' },
    // This one is of itself, and allowed to every user that is not told otherwise.
    { method: 'GET', path: `user-info?accessKey=${stack.s3.S3_ACCESS_KEY}` },

    { method: 'PUT', path: 'import-iam', body: new Uint8Array(8) },
  ] as const
  for (const call of calls) {
    const { status, text } = await minioAdminCall(stack.s3, call)
    assert.deepEqual([call.path, status], [call.path, 403], text)
    assert.match(text, /AccessDenied/, call.path)
  }
  assert.equal((await minioAdminCall(asRoot, { method: 'GET', path: 'info' })).status, 200, 'the root does')
})

/** Everything below a folder, but for what goes while it is looked at: MinIO makes and removes files all the time. */
function inside(folder: string): string[] {
  return [folder, ...entries(folder).flatMap((entry) => below(join(folder, entry.name), entry.isDirectory()))]
}

const below = (path: string, isFolder: boolean): string[] => (isFolder ? inside(path) : [path])

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function cannotBeNobody(): string | false {
  return !isLinux || process.getuid?.() !== 0
    ? 'only root can be another user: NOT TESTED that others read nothing'
    : false
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // it has just ended, or is another user's
  }
}
