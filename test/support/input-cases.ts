import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../infra/local/setup/root.mjs'
import type { RawRequest } from './raw-http.js'

/** The folder of `cases.json`, with what it names beside it. */
export const casesDir = process.env['CASES_DIR'] ?? join(root, '../shared/cases')
const list = join(casesDir, 'cases.json')

/** One input of the collection: what is sent, and in words what is right. */
export type InputCase = {
  id: string
  area: string
  description: string
  request: CaseRequest
  expected: { check: string }
}

type Part = { name: string; text: string } | { name: string; file: string; filename: string; type: string }

type CaseRequest = {
  method: string
  /** With `{VIDEO}` for the id of a completed video. */
  path: string
  headers?: Record<string, string>
  form?: Part[]
  raw?: { body: string; content_type: string }
  transport?: {
    http?: string
    no_host?: boolean
    chunked?: number
    trailers?: Record<string, string>
    split?: number
    /** Zeros before the last boundary. */
    pad_bytes?: number
    read_late?: boolean
  }
}

/** Undefined where the collection is not beside the repository. */
export function readCases(): InputCase[] | undefined {
  if (!existsSync(list)) return undefined
  return (JSON.parse(readFileSync(list, 'utf8')) as { cases: InputCase[] }).cases
}

/** A case as the bytes that go over the socket. */
export function requestOf({ request }: InputCase, url: string, video: string): RawRequest {
  const { method, path, headers = {}, transport: how = {} } = request
  const [body, contentType] = bodyOf(request)
  const length = body.length + (how.pad_bytes ?? 0)
  const isChunked = how.chunked !== undefined
  const lines = [
    `${method} ${path.replaceAll('{VIDEO}', video)} HTTP/${how.http ?? '1.1'}`,
    ...(how.no_host === true ? [] : [`Host: ${new URL(url).host}`]),
    ...Object.entries(headers).map((field) => field.join(': ')),
    ...(contentType === undefined ? [] : [`Content-Type: ${contentType}`]),
    ...(method === 'POST' ? [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`] : []),
    'Connection: close',
  ]
  return { head: lines.join('\r\n'), pieces: piecesOf(body, how), isReadLate: how.read_late === true }
}

function bodyOf({ form, raw }: CaseRequest): [Buffer, string | undefined] {
  if (raw !== undefined) return [readFileSync(join(casesDir, raw.body)), raw.content_type]
  if (form === undefined) return [Buffer.alloc(0), undefined]
  const boundary = '----cases4f1d'
  const parts = form.flatMap((part) => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part.name}"`
    if ('text' in part) return [Buffer.from(`${head}\r\n\r\n${part.text}\r\n`)]
    const file = `; filename="${part.filename}"\r\nContent-Type: ${part.type}\r\n\r\n`
    return [Buffer.from(head + file), readFileSync(join(casesDir, part.file)), Buffer.from('\r\n')]
  })
  return [Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]), `multipart/form-data; boundary=${boundary}`]
}

function* piecesOf(body: Buffer, how: NonNullable<CaseRequest['transport']>): Iterable<Buffer> {
  const { chunked, split, pad_bytes: pad = 0, trailers = {} } = how
  if (chunked !== undefined) {
    for (const piece of cut(body, chunked)) {
      yield Buffer.concat([Buffer.from(`${piece.length.toString(16)};ext=1\r\n`), piece, Buffer.from('\r\n')])
    }
    const fields = Object.entries(trailers).map((field) => `${field.join(': ')}\r\n`)
    yield Buffer.from(`0\r\n${fields.join('')}\r\n`)
  } else if (split !== undefined) yield* cut(body, split)
  else {
    const end = pad === 0 ? body.length : body.lastIndexOf('\r\n--')
    yield body.subarray(0, end)
    const zeros = Buffer.alloc(65_536)
    for (let left = pad; left > 0; left -= zeros.length) yield zeros.subarray(0, left)
    yield body.subarray(end)
  }
}

function* cut(body: Buffer, bytes: number): Iterable<Buffer> {
  for (let at = 0; at < body.length; at += bytes) yield body.subarray(at, at + bytes)
}
