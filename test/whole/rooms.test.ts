import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'
import { root } from '../../infra/local/setup/root.mjs'

// Imports run one way: from a program down to the contract, never back up, and in no circle. `import type` counts: who needs another's
// types cannot be read without it. The ranks have their own table, in gaudi-runner/tests/test_rooms.py; test/ may import all.

/**
 * Each room, and the rooms that its files may import. A room is the files that lie right in a folder, or one file by its name, where
 * others may import that one but not its neighbours. Every room may import itself.
 */
const rooms: Record<string, string> = {
  'workflows/failures.ts': '',
  workflows: 'workflows/failures.ts',
  'workflows/video': 'workflows workflows/failures.ts',
  'workflows/sweep': 'workflows',
  'workflows/index.ts': 'workflows/video workflows/sweep',

  'infra/program': '',
  'infra/ffmpeg': '',
  'infra/sound': 'infra/ffmpeg',
  'infra/files': 'infra/program',
  'infra/s3': 'infra/program',
  // The search attributes that a namespace must have.
  'infra/temporal': 'infra/program workflows',
  'infra/local/setup': '',
  'infra/local/supervisor': 'infra/local/setup',
  'infra/local/data': 'infra/files infra/program infra/s3',
  'infra/local/stack':
    'infra/local/data infra/local/setup infra/local/supervisor infra/program infra/s3 infra/temporal',
  'infra/local/demo': 'infra/local/stack',
  'infra/local/dev': 'infra/local/setup',
  // `npm run drain` leaves its wish under a key of workflows/object-keys.ts.
  'infra/local':
    'infra/local/demo infra/local/dev infra/local/setup infra/local/stack infra/local/supervisor infra/files infra/program infra/s3 workflows',

  'gaudi-runner/generated': '',
  'gaudi-runner/contract': 'gaudi-runner/generated workflows/failures.ts',
  'gaudi-runner/client': 'gaudi-runner/contract gaudi-runner/generated infra/program',
  'gaudi-runner/ranks': 'gaudi-runner/contract gaudi-runner/generated infra/files workflows/failures.ts',
  'gaudi-runner/job':
    'gaudi-runner/ranks gaudi-runner/contract gaudi-runner/generated infra/files workflows/failures.ts',
  'gaudi-runner/service': 'gaudi-runner/job gaudi-runner/contract gaudi-runner/generated infra/program',
  'gaudi-runner/runner.ts': 'gaudi-runner/service gaudi-runner/job gaudi-runner/ranks gaudi-runner/generated',
  'gaudi-runner': 'gaudi-runner/runner.ts gaudi-runner/job gaudi-runner/ranks infra/files infra/program',

  'activities/chunk-mark.ts': 'infra/files infra/s3 workflows',
  'activities/worker': 'gaudi-runner/client infra/ffmpeg infra/program workflows workflows/failures.ts workflows/video',
  'activities/removal': 'activities/worker infra/program infra/s3 workflows workflows/video workflows/sweep',
  'activities/media':
    'activities/chunk-mark.ts activities/worker infra/ffmpeg infra/files infra/s3 infra/sound workflows workflows/video',
  'activities/render':
    'activities/chunk-mark.ts activities/worker gaudi-runner/client infra/files infra/program infra/s3 workflows workflows/failures.ts workflows/video',
  'activities/node':
    'activities/render activities/worker gaudi-runner/client infra/files infra/program infra/s3 workflows',
  activities:
    'activities/media activities/node activities/removal activities/render activities/worker gaudi-runner/client infra/files infra/program infra/s3 infra/temporal workflows',

  'api/http': 'infra/program infra/s3 infra/temporal workflows',
  'api/parameters': 'api/http workflows',
  'api/videos': 'api/http workflows workflows/failures.ts',
  'api/queue': 'api/videos api/http infra/files infra/program infra/s3 workflows',
  'api/intake': 'api/parameters api/http infra/program infra/s3 infra/sound workflows',
  'api/media': 'api/http infra/ffmpeg infra/program infra/s3 infra/sound workflows',
  'api/media/picture': 'api/media api/intake api/http workflows',
  'api/media/film': 'api/media api/media/picture api/intake api/http infra/ffmpeg infra/sound workflows',
  'api/media/voice': 'api/media api/intake api/http infra/ffmpeg infra/sound workflows',
  'api/media/check-media.ts':
    'api/media api/media/picture api/media/film api/media/voice api/intake api/http workflows',
  // queued-memo.ts: with what a video's workflow is started.
  'api/acceptance':
    'api/intake api/media api/media/check-media.ts api/parameters api/queue api/videos api/http infra/files infra/program infra/s3 infra/sound workflows workflows/video',
  'api/openapi': 'api/intake api/parameters api/videos api/http workflows',
  'api/api-parts.ts': 'api/acceptance api/intake api/queue api/videos api/http infra/program',
  'api/routes':
    'api/api-parts.ts api/acceptance api/intake api/queue api/videos api/http infra/program workflows workflows/failures.ts',
  api: 'api/api-parts.ts api/routes api/openapi api/intake api/queue api/videos api/http infra/program infra/s3 infra/temporal workflows',
}

type Arrow = { from: string; to: string; importer: string; imported: string }

const arrows: Arrow[] = sourceFiles().flatMap((importer) =>
  importsOf(importer).map((imported) => ({ from: roomOf(importer), to: roomOf(imported), importer, imported })),
)

test('a file imports only what its room may', () => {
  const forbidden = arrows
    .filter(({ from, to }) => from !== to && !allowed(from).includes(to))
    .map(({ from, to, importer, imported }) => `${importer} (${from}) imports ${imported} (${to})`)
  assert.deepEqual(forbidden, [])
})

test('every room and every arrow of the table is used', () => {
  const found = new Set(sourceFiles().map(roomOf))
  assert.deepEqual(
    Object.keys(rooms).filter((room) => room !== 'gaudi-runner/generated' && !found.has(room)),
    [],
  )
  const used = new Set(arrows.map(({ from, to }) => `${from} → ${to}`))
  const table = Object.keys(rooms).flatMap((from) => allowed(from).map((to) => `${from} → ${to}`))
  assert.deepEqual(
    table.filter((arrow) => !used.has(arrow)),
    [],
  )
})

test('neither rooms nor files import in a circle', () => {
  assert.equal(circleIn(new Map(Object.keys(rooms).map((room) => [room, allowed(room)]))), undefined)
  const files = new Map<string, string[]>()
  for (const file of sourceFiles()) files.set(file, importsOf(file))
  assert.equal(circleIn(files), undefined)
})

test('folders keep to themselves', () => {
  const outside = (folder: string): string[] =>
    Object.keys(rooms)
      .filter((room) => folderOf(room) === folder)
      .flatMap((room) => allowed(room))
      .filter((to) => folderOf(to) !== folder)
  const unlike = (tos: string[], may: RegExp): string[] => tos.filter((to) => !may.test(to))
  assert.deepEqual(unlike(outside('workflows'), /^$/), [], 'workflows/ is the contract, and needs nobody')
  assert.deepEqual(unlike(outside('infra'), /^workflows$/), [], 'infra/ needs but names of the contract')
  const ofRunner = /^(infra\/files|infra\/program|workflows\/failures\.ts)$/
  assert.deepEqual(unlike(outside('gaudi-runner'), ofRunner), [], 'the runner knows neither Temporal nor S3')
  const ofActivities = /^(infra\/(?!local)|workflows|gaudi-runner\/client$)/
  assert.deepEqual(unlike(outside('activities'), ofActivities), [], 'activities/ uses of the runner its client')
  assert.deepEqual(
    unlike(outside('api'), /^(infra\/(?!local)|workflows)/),
    [],
    'api/ speaks to Temporal, not to its workers',
  )
})

function allowed(room: string): string[] {
  return (rooms[room] ?? '').split(' ').filter((name) => name !== '')
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? path
}

function roomOf(file: string): string {
  if (file.startsWith('gaudi-runner/generated/')) return 'gaudi-runner/generated'
  const room = file in rooms ? file : dirname(file)
  assert.ok(
    room in rooms || room.startsWith('test'),
    `${file} is in no room: the table above names one for each folder`,
  )
  return room
}

/** Paths of all sources below the folders of the table, from the root on. */
function sourceFiles(): string[] {
  const folders = [...new Set(Object.keys(rooms).map(folderOf))]
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path}`)
      .filter((path) => /\.(ts|mjs)$/.test(path) && !/\/(generated|node_modules|\.venv)\//.test(path)),
  )
}

/** Files of ours that a file imports, anywhere in it. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:\bfrom |\bimport |\bimport\()'(\.[^']+)'/g)].map(([, specifier = '']) => {
    const path = posix.join(posix.dirname(file), specifier)
    const source = path.replace(/\.js$/, '.ts')
    // What protoc makes is only there after a build.
    const isThere = existsSync(join(root, source)) || path.startsWith('gaudi-runner/generated/')
    assert.ok(isThere, `${file} imports ${specifier}, which is not there`)
    return source
  })
}

/** A way back to where it began, the first that is found. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>()
  const visit = (node: string, path: readonly string[]): string | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node].join(' → ')
    if (done.has(node)) return undefined
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node])
      if (circle !== undefined) return circle
    }
    done.add(node)
    return undefined
  }
  for (const node of graph.keys()) {
    const circle = visit(node, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
