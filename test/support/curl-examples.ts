import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../../infra/local/setup/root.mjs'

/** A document that shows the API with curl, and the folder in which its `examples/…` are. */
export type ExampleDocument = { path: string; examples: { single: string; multi: string } }

/** The commands of a document, word for word, with placeholders for host and id. */
export type CurlExamples = { orders: string[]; status: string; download: string; removal: string }

/** The original service's README and media where they are, else our own, which keeps to the same paths. */
export function exampleDocument(): ExampleDocument {
  const original = process.env['CONTRACT_README'] ?? join(root, '../shared/contract/original-readme.zh-CN.md')
  const media = resolve(original, '../../media')
  if (existsSync(original) && existsSync(media)) return { path: original, examples: { single: media, multi: media } }
  return ownDocument()
}

export function ownDocument(): ExampleDocument {
  const examples = join(root, 'examples')
  return {
    path: join(root, 'README.md'),
    examples: { single: join(examples, 'single'), multi: join(examples, 'multi') },
  }
}

/** Every line of the document's shell blocks that runs curl. Throws when one of the five examples is not among them. */
export async function readExamples({ path }: ExampleDocument): Promise<CurlExamples> {
  const blocks = (await readFile(path, 'utf8')).matchAll(/^```bash\n([\s\S]*?)^```/gm)
  const commands = [...blocks]
    .flatMap(([, block = '']) => block.replaceAll('\\\n', '').split('\n'))
    .filter((line) => line.startsWith('curl '))
  const one = (what: string, pattern: RegExp): string => {
    const [found, ...more] = commands.filter((command) => pattern.test(command))
    assert.ok(found !== undefined && more.length === 0, `${path} does not show one way to ${what}`)
    return found
  }
  const orders = commands.filter((command) => /-X POST .*-F /.test(command))
  assert.equal(orders.length, 3, `${path} does not show three orders`)
  return {
    orders,
    status: one('ask for the status', /^curl \S*\/v1\/videos\/\w+$/),
    download: one('download', /\/content -o video\.mp4$/),
    removal: one('delete', /-X DELETE/),
  }
}

/** Makes a folder in which the examples' relative paths lead to the document's media. */
export async function exampleFolder(folder: string, { examples }: ExampleDocument): Promise<string> {
  await mkdir(join(folder, 'examples'), { recursive: true })
  for (const name of ['single', 'multi'] as const) await symlink(examples[name], join(folder, 'examples', name))
  return folder
}

/** Runs a command of the document in this folder, with nothing changed but its host and its id; what it prints. */
export async function runCurl(command: string, folder: string, apiUrl: string, id = ''): Promise<string> {
  const ours = command.replace(/http:\/\/[\d.]+:9389/, apiUrl).replace(/(?<=\/v1\/videos\/)(video_\w+|VIDEO_ID)/, id)
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', ours], {
    cwd: folder,
    env: { ...process.env, no_proxy: '127.0.0.1' },
  })
  return stdout
}

/** The files that an order names, by form field. */
export function filesOf(command: string, folder: string): { voices: string[]; isParallel: boolean } {
  const voices = [...command.matchAll(/-F "audio(?:\[\])?=@([^"]+)"/g)].map(([, path = '']) => join(folder, path))
  return { voices, isParallel: command.includes('audio_type=para') }
}
