import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FilePart } from '../../api/intake/collected-parts.js'
import { readForm } from '../../api/intake/form.js'
import { usualPatience } from '../../api/intake/pour-body.js'

export const boundary = 'cut-here'

/** A request with this body, given in pieces of so many bytes. */
export function requestOf(body: Buffer, pieceBytes: number, contentType = `multipart/form-data; boundary=${boundary}`) {
  const req = new IncomingMessage(new Socket())
  req.headers = { 'content-type': contentType }
  for (let at = 0; at < body.length; at += pieceBytes) req.push(body.subarray(at, at + pieceBytes))
  req.push(null)
  req.complete = true
  return req
}

/** Stores a file as `kind:content`. */
export async function collect(part: FilePart, body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return `${part.kind}:${Buffer.concat(chunks).toString('latin1')}`
}

export type Part = { name: string; file?: string | undefined; type?: string | undefined; body: string }

export function formOf(parts: Part[]): Buffer {
  const written = parts.map(({ name, file, type, body }) => {
    const filename = file === undefined ? '' : `; filename="${file}"`
    const contentType = type === undefined ? '' : `\r\nContent-Type: ${type}`
    return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename}${contentType}\r\n\r\n${body}\r\n`
  })
  return Buffer.from(`${written.join('')}--${boundary}--\r\n`, 'latin1')
}

export const voice = (name: string, body: string, file = 'same.wav'): Part => ({ name, file, type: 'audio/wav', body })

/** A form of one part with this head, and these bytes as its content. */
export function partOf(head: string | Buffer, content: string | Buffer): Buffer {
  const pieces = [`--${boundary}\r\n`, head, '\r\n\r\n', content, `\r\n--${boundary}--\r\n`]
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
}

/** Reads a form, given in pieces of so many bytes. */
export async function read(body: Buffer, pieceBytes = 1000) {
  const { signal } = new AbortController()
  return readForm(requestOf(body, pieceBytes), { storeFile: collect, patience: usualPatience, signal })
}
