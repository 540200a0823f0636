import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { CollectedParts, type FileKind, type FilePart, type Form } from './collected-parts.js'
import { peek } from './file-stream.js'
import { boundaryOf, malformedForm, openFormParser } from './form-parser.js'
import type { PartHead } from './part-heads.js'
import { bodyTooLarge, pourBody, type Pouring } from './pour-body.js'
import { Problem, unavailable } from '../http/problems.js'
import { within } from '../http/within.js'

export type FormOptions<T> = Pouring & {
  /** Stores one file while it arrives; must end soon after `signal` is aborted. */
  storeFile: (part: FilePart, body: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<T>
}

/** Ending takes an upload that is stopped one call to the store. */
const endMs = 3_000

/** Refuses by the headers alone what could never become a form, before a byte of its body is read. */
export function refuseByHeaders(req: IncomingMessage, maxBytes: number): void {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity', 'content-length': length } = req.headers
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new Problem('wrong_content_type', 'send the parameters and files as multipart/form-data')
  }
  if (encoding !== 'identity') throw new Problem('wrong_content_type', 'the body must not be compressed')
  boundaryOf(req)
  if (Number(length ?? 0) > maxBytes) throw bodyTooLarge(maxBytes)
}

/**
 * Reads a form, its parts in any order, and stores its files while they arrive. The first thing that is wrong with it,
 * from either side, ends everything: when this rejects, no `storeFile` is running any more, unless its store is away.
 */
export async function readForm<T>(req: IncomingMessage, options: FormOptions<T>): Promise<Form<T>> {
  const failed = new AbortController()
  const stop = AbortSignal.any([options.signal, failed.signal])
  const fail = (error: unknown): void => failed.abort(error)
  const { parser, currentHead, whyBroken } = openFormParser(req, fail)
  const collected = new CollectedParts<T>()
  const storing: Promise<void>[] = []
  const files: Readable[] = []

  // Who stores a file leaves it unread when storing fails: that is an error of the file as well, and says nothing of the
  // form. What is wrong, and what was removed because of it, `storeFile` tells when it has ended.
  const broken = (error: unknown): void => {
    if (!(error instanceof Error && error.name === 'AbortError')) fail(malformedForm(whyBroken(), error))
  }
  parser.on('error', broken)
  parser.on('field', (_name, latin1, { valueTruncated }) =>
    attempt(fail, () => collected.text(currentHead(), Buffer.from(latin1, 'latin1'), valueTruncated)),
  )
  // Only its first byte tells whether there is a file at all, and files keep the order in which they are sent.
  let turn = Promise.resolve()
  const storeNext = async (kind: FileKind, head: PartHead, file: Readable): Promise<void> => {
    const { head: first, whole } = await peek(file, 1)
    const part = collected.file(kind, head, first.length === 0)
    stop.throwIfAborted()
    if (part === undefined) return
    storing.push(options.storeFile(part, whole, stop).then((stored) => collected.stored(part, stored), fail))
  }
  parser.on('file', (_name, file: Readable) => {
    files.push(file)
    // Listens before anybody reads: a body that ends too early is an error of the file and of the parser.
    file.on('error', broken)
    attempt(fail, () => {
      const head = currentHead()
      const kind = collected.kindOfFile(head)
      if (kind === 'ignored') file.resume()
      else turn = turn.then(() => storeNext(kind, head, file)).catch(fail)
    })
  })
  for (const event of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) {
    parser.on(event, () => fail(new Problem('too_large', 'the form has too many parts')))
  }

  let noEnd: NodeJS.Timeout | undefined
  try {
    const closed = once(parser, 'close', { signal: stop })
    closed.catch(() => undefined) // awaited below, unless pouring fails first
    const bytes = await pourBody(req, parser, { ...options, signal: stop })
    noEnd = setTimeout(() => fail(whyNoEnd(files)), options.patience.storeStallMs)
    await closed
    await turn
    await Promise.all(storing)
    stop.throwIfAborted()
    return { ...collected.form(), bytes }
  } catch (error) {
    fail(error) // does nothing if this is the echo of an earlier failure
    parser.destroy()
    // A store that is away can keep them from ending; whoever waits for the refusal should not wait for that.
    await within(endMs, () => turn.then(() => Promise.allSettled(storing))).catch(() => undefined)
    throw stop.reason
  } finally {
    clearTimeout(noEnd)
  }
}

/** All bytes are there, and yet the form does not end. */
function whyNoEnd(files: Readable[]): Problem {
  // busboy 1.6 never ends a file whose content begins with the boundary: its reader has taken everything and waits for more.
  const isParsers = files.some((file) => !file.readableEnded && file.readableLength === 0)
  if (isParsers) return malformedForm('a file in it has no end', new Error('the parser waits for more'))
  return unavailable('the object store', new Error('it took nothing for too long'))
}

function attempt(fail: (error: unknown) => void, step: () => void): void {
  try {
    step()
  } catch (error) {
    fail(error)
  }
}
