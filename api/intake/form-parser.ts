import type { IncomingMessage } from 'node:http'
import busboy from 'busboy'
import { headerParams } from './header-params.js'
import { type PartHead, readHeads } from './part-heads.js'
import { Problem } from '../http/problems.js'

/** Parts of a form, and bytes of a text part. */
export const formLimits = { files: 16, fields: 40, parts: 48, fieldSize: 64 * 1024, headerPairs: 20 } as const

/** A multipart parser that loses no part without a word, and what the head says of the part that it speaks of. */
export type FormParser = {
  parser: busboy.Busboy
  currentHead(): PartHead
  /** Why a body that ended is no form, as far as its boundaries tell. */
  whyBroken(): string
}

/** `fail` is told what a part cannot be taken for. Text comes as the bytes that it is, each as a letter of latin1. */
export function openFormParser(req: IncomingMessage, fail: (problem: unknown) => void): FormParser {
  // What is written strangely is read here, and busboy is given it in the one form that it reads.
  const boundary = boundaryOf(req).replace(/["\\]/g, '\\$&')
  try {
    const headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` }
    const parser = busboy({ headers, limits: formLimits, defCharset: 'latin1' })
    const heads = readHeads(parser, fail)
    const boundaries = watchBoundaries(parser, () => heads.seen, fail)
    const whyBroken = (): string =>
      boundaries.seen === 0 ? 'the boundary that its Content-Type names is not in it' : 'it is broken or cut off'
    return { parser, currentHead: heads.current, whyBroken }
  } catch (error) {
    throw malformedForm('its boundary holds signs that none may', error)
  }
}

/** Throws a Problem where Content-Type names none. */
export function boundaryOf({ headers }: IncomingMessage): string {
  const boundary = headerParams(headers['content-type'] ?? '').get('boundary')
  if (boundary) return boundary
  throw malformedForm('its Content-Type names no boundary; leave that header to the HTTP client', undefined)
}

/** `cause`, what the parser says, is for the log. */
export function malformedForm(why: string, cause: unknown): Problem {
  return new Problem('malformed_request', `the multipart body cannot be read: ${why}`, { cause })
}

const [blank, tab, lineFeed] = [0x20, 0x09, 0x0a]

type Found = (isMatch: boolean, data: Buffer | undefined, start: number, end: number, isDataSafe: boolean) => void

/**
 * Stands between busboy's search for boundaries and what busboy makes of them. busboy 1.6 takes a boundary with blanks behind it, which
 * RFC 2046 lets transports add, for content, and so loses a whole part; what else follows a boundary it loses likewise. Here such blanks
 * are dropped, and a boundary without a head is a refusal. Its only hold on busboy is `_bparser._cb`.
 */
function watchBoundaries(parser: busboy.Busboy, headsSeen: () => number, fail: (problem: unknown) => void) {
  const { _bparser: search } = parser as unknown as { _bparser: { _cb: Found } }
  const original = search._cb
  const boundaries = { seen: 0 }
  let isBehindBoundary = false
  search._cb = (isMatch, data, start, end, isDataSafe) => {
    if (isBehindBoundary && data !== undefined) {
      while (start < end && (data[start] === blank || data[start] === tab)) start++
      isBehindBoundary = start === end
      if (!isBehindBoundary && data[start] === lineFeed) fail(malformedForm('its lines must end with CR LF', undefined))
    }
    original(isMatch, data, start, end, isDataSafe)
    if (!isMatch) return
    if (headsSeen() < boundaries.seen) fail(malformedForm('something else than a part follows a boundary', undefined))
    boundaries.seen++
    isBehindBoundary = true
  }
  return boundaries
}
