import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import busboy from 'busboy'
import type { ParameterName } from '../parameters/parameters.js'
import { type PartHead, readHeads } from './part-heads.js'
import { partOf, unknownParameter } from './part-names.js'
import { decodeText } from './part-text.js'
import { bodyTooLarge, pourBody, type Pouring } from './pour-body.js'
import { Problem, unavailable } from '../http/problems.js'
import { within } from '../http/within.js'

/** A multipart form whose files have been stored: `T` is what storing one gives back. */
export type Form<T> = { texts: Map<ParameterName, string>; reference: T | undefined; voices: T[]; bytes: number }

export type FilePart = { kind: 'reference' } | { kind: 'voice'; index: number }

export type FormOptions<T> = Pouring & {
  /** Stores one file while it arrives; must end soon after `signal` is aborted. */
  storeFile: (part: FilePart, body: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<T>
}

export const maxVoices = 2
const textBytes = 64 * 1024
/** Ending takes an upload that is stopped one call to the store. */
const endMs = 3_000
const limits = { files: 4, fields: 40, parts: 48, fieldSize: textBytes, headerPairs: 20 }

/** Refuses by the headers alone what could never become a form, before a byte of its body is read. */
export function refuseByHeaders(req: IncomingMessage, maxBytes: number): void {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity', 'content-length': length } = req.headers
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new Problem('wrong_content_type', 'send the parameters and files as multipart/form-data')
  }
  if (encoding !== 'identity') throw new Problem('wrong_content_type', 'the body must not be compressed')
  if (Number(length ?? 0) > maxBytes) throw bodyTooLarge(maxBytes)
}

/**
 * Reads a form, its parts in any order, and stores its files while they arrive. The first thing that is wrong with it,
 * from either side, ends everything: when this rejects, no `storeFile` is running any more, unless its store is away.
 */
export async function readForm<T>(req: IncomingMessage, options: FormOptions<T>): Promise<Form<T>> {
  const parser = openParser(req)
  const failed = new AbortController()
  const stop = AbortSignal.any([options.signal, failed.signal])
  const fail = (error: unknown): void => failed.abort(error)
  const collected = new CollectedParts<T>()
  const storing: Promise<void>[] = []
  const files: Readable[] = []

  // Who stores a file leaves it unread when storing fails: that is an error of the file as well, and says nothing of the
  // form. What is wrong, and what was removed because of it, `storeFile` tells when it has ended.
  const broken = (error: unknown): void => {
    if (!(error instanceof Error && error.name === 'AbortError')) fail(malformed(error))
  }
  parser.on('error', broken)
  const heads = readHeads(parser, fail)
  parser.on('field', (_name, latin1, { valueTruncated }) =>
    attempt(fail, () => collected.text(heads.current(), Buffer.from(latin1, 'latin1'), valueTruncated)),
  )
  parser.on('file', (_name, file: Readable) => {
    files.push(file)
    // Listens before anybody reads: a body that ends too early is an error of the file and of the parser.
    file.on('error', broken)
    attempt(fail, () => {
      const part = collected.file(heads.current().name)
      if (part === undefined) file.resume()
      else storing.push(options.storeFile(part, file, stop).then((stored) => collected.stored(part, stored), fail))
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
    await Promise.all(storing)
    stop.throwIfAborted()
    return { ...collected.form(), bytes }
  } catch (error) {
    fail(error) // does nothing if this is the echo of an earlier failure
    parser.destroy()
    // A store that is away can keep them from ending; whoever waits for the refusal should not wait for that.
    await within(endMs, () => Promise.allSettled(storing)).catch(() => undefined)
    throw stop.reason
  } finally {
    clearTimeout(noEnd)
  }
}

/** All bytes are there, and yet the form does not end. */
function whyNoEnd(files: Readable[]): Problem {
  // busboy 1.6 never ends a file whose content begins with the boundary: its reader has taken everything and waits for more.
  const isParsers = files.some((file) => !file.readableEnded && file.readableLength === 0)
  if (isParsers) return malformed(new Error('the parser waits for more'), 'a file in it has no end')
  return unavailable('the object store', new Error('it took nothing for too long'))
}

function openParser(req: IncomingMessage): busboy.Busboy {
  try {
    // Text comes as the bytes that it is: what they mean, `decodeText` knows.
    return busboy({ headers: req.headers, limits, defCharset: 'latin1' })
  } catch (error) {
    throw malformed(error)
  }
}

/** What the parser says is for the log. */
function malformed(cause: unknown, why = 'it is broken or cut off'): Problem {
  return new Problem('malformed_request', `the multipart body cannot be read: ${why}`, { cause })
}

function attempt(fail: (error: unknown) => void, step: () => void): void {
  try {
    step()
  } catch (error) {
    fail(error)
  }
}

/** The parts seen so far, each checked against those before it. */
class CollectedParts<T> {
  readonly #texts = new Map<ParameterName, string>()
  readonly #voices: (T | undefined)[] = []
  #reference: { stored: T | undefined } | undefined

  text({ name, charset }: PartHead, bytes: Buffer, isCut: boolean): void {
    const part = partOf(name)
    switch (part.kind) {
      case 'reference':
      case 'voice':
        throw textForFile(part.kind === 'voice' ? 'audio' : 'input_reference')
      case 'unknown':
        throw unknownParameter(name)
      case 'ignored':
        return
      case 'parameter':
        if (isCut) throw new Problem('too_large', `'${part.name}' is too long`, { param: part.name })
        if (this.#texts.has(part.name)) {
          throw new Problem('invalid_parameter', `'${part.name}' is there more than once`, { param: part.name })
        }
        this.#texts.set(part.name, decodeText(bytes, charset, part.name))
    }
  }

  /** The part that a file is stored as; undefined when it is read away. */
  file(name: string): FilePart | undefined {
    const part = partOf(name)
    switch (part.kind) {
      case 'reference':
        if (this.#reference) {
          throw new Problem('invalid_parameter', 'only one input_reference is possible', { param: 'input_reference' })
        }
        this.#reference = { stored: undefined }
        return { kind: 'reference' }
      case 'voice':
        if (this.#voices.length === maxVoices) {
          throw new Problem('invalid_parameter', `at most ${maxVoices} audio files are possible`, { param: 'audio' })
        }
        return { kind: 'voice', index: this.#voices.push(undefined) - 1 }
      case 'parameter':
        throw new Problem('invalid_parameter', `'${part.name}' is text, not a file`, { param: part.name })
      case 'ignored':
        return undefined
      case 'unknown':
        throw unknownParameter(name)
    }
  }

  stored(part: FilePart, stored: T): void {
    if (part.kind === 'reference') this.#reference = { stored }
    else this.#voices[part.index] = stored
  }

  form(): Omit<Form<T>, 'bytes'> {
    const voices = this.#voices.filter((voice) => voice !== undefined)
    return { texts: this.#texts, reference: this.#reference?.stored, voices }
  }
}

/** Orders with openai 2 and 3 as it stands here, once it names real files: `post` alone would send JSON, and loses its files. */
const openaiPython =
  'client.post("/videos", cast_to=object, body={"prompt": "A person speaks"}, ' +
  'files=[("input_reference", open("PICTURE", "rb")), ("audio[]", open("VOICE", "rb"))], ' +
  'options={"headers": {"Content-Type": "multipart/form-data"}})'

/** What openai-python's extra_body makes of a file: three text parts. */
function textForFile(param: string): Problem {
  return new Problem(
    'invalid_parameter',
    `'${param}' must be a file, but a text part was sent. With curl: -F "${param}=@FILE"; ` +
      `with openai-python, whose extra_body sends no files: ${openaiPython}`,
    { param },
  )
}
