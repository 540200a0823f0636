import type busboy from 'busboy'
import { headerParams } from './header-params.js'
import { partOf } from './part-names.js'
import { Problem } from '../http/problems.js'

/** What the head of a part says of it. */
export type PartHead = { name: string; charset: string | undefined; fileName: string }

type Header = Record<string, string[] | undefined>
type HeadParser = { cb: (header: Header) => void }

/**
 * Stands between busboy's reader of part heads and what busboy makes of them. busboy 1.6 drops a part without a word when it cannot
 * read its Content-Disposition (an unescaped quote or bare non-ASCII in a file name, a `;` at the end, `attachment`), and decodes
 * text in charsets of its own, or not at all. Here every head is read leniently, and busboy is given a plain one in its place.
 *
 * `current()` is the head of the part that busboy speaks of, `seen` how many there were. Its only hold on busboy is the field `_hparser`,
 * set for each head.
 */
export function readHeads(
  parser: busboy.Busboy,
  fail: (problem: unknown) => void,
): { current(): PartHead; seen: number } {
  let seen = 0
  let current: PartHead | undefined
  const wrapped = new WeakSet<HeadParser>()
  let headParser: HeadParser | null = null
  Object.defineProperty(parser, '_hparser', {
    get: () => headParser,
    set(next: HeadParser | null) {
      headParser = next
      if (next === null || wrapped.has(next)) return
      wrapped.add(next)
      const original = next.cb
      next.cb = (header) => {
        seen++
        try {
          const { head, isFile } = readHead(header)
          current = head
          const disposition = `form-data; name="part"${isFile ? '; filename="file"' : ''}`
          original({ 'content-disposition': [disposition] })
        } catch (error) {
          fail(error)
          original({}) // it skips the part
        }
      }
    },
  })
  return {
    get seen() {
      return seen
    },
    current() {
      if (current === undefined) throw new Error('busboy tells of a part whose head was not seen')
      return current
    },
  }
}

/** The Content-Transfer-Encodings that leave the bytes as they are. */
export const transferEncodings: readonly string[] = ['binary', '7bit', '8bit']

/** Throws a Problem for a head that does not say what its part is. */
function readHead(header: Header): { head: PartHead; isFile: boolean } {
  const params = headerParams(header['content-disposition']?.[0] ?? '')
  const name = nameOf(params.get('name'))
  const contentType = header['content-type']?.[0] ?? ''
  const mediaType = /^[^;\s]*/.exec(contentType)?.[0].toLowerCase() ?? ''
  const encoding = (header['content-transfer-encoding']?.[0] ?? 'binary').trim().toLowerCase()
  const short = name.slice(0, 64)
  if (!transferEncodings.includes(encoding)) {
    throw refusal(short, `is encoded as ${JSON.stringify(encoding.slice(0, 40))}; send it as it is (RFC 7578, 4.7)`)
  }
  if (mediaType.startsWith('multipart/')) throw refusal(short, 'is a form of its own; send each file as a part')
  const fileName = params.get('filename') || (params.get('filename*') ?? '')
  return {
    head: { name, charset: headerParams(contentType).get('charset')?.toLowerCase() || undefined, fileName },
    isFile: isFile(name, fileName, mediaType),
  }
}

/** A parameter is text even where it comes as a file, as a browser sends a Blob, unless its type says that it is none. */
const typesOfText = /^(text\/.*|application\/(json|octet-stream)|)$/

/** Without a file name the media type decides; `text/plain` says nothing, since some clients give it to every part. */
function isFile(name: string, fileName: string, mediaType: string): boolean {
  const { kind } = partOf(name)
  if ((kind === 'parameter' || kind === 'charset') && typesOfText.test(mediaType)) return false
  if (fileName !== '' || mediaType === 'application/octet-stream') return true
  return (kind === 'voice' || kind === 'reference') && /^(audio|image|video)\//.test(mediaType)
}

/** As it was meant: UTF-8, and with the brackets that some clients encode (`audio%5B%5D`). */
function nameOf(latin1: string | undefined): string {
  if (latin1 === undefined || latin1 === '') {
    throw new Problem('malformed_request', 'a part of the form has no name: its Content-Disposition cannot be read')
  }
  return Buffer.from(latin1, 'latin1').toString('utf8').replace(/%5b/gi, '[').replace(/%5d/gi, ']')
}

function refusal(name: string, problem: string): Problem {
  return new Problem('invalid_parameter', `the part ${JSON.stringify(name)} ${problem}`, { param: name })
}
