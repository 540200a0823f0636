import type { PartHead } from './part-heads.js'
import { partOf, unknownParameter } from './part-names.js'
import { decodeText } from './part-text.js'
import type { ParameterName } from '../parameters/parameters.js'
import { Problem } from '../http/problems.js'

/** A multipart form whose files have been stored: `T` is what storing one gives back. */
export type Form<T> = { texts: Map<ParameterName, string>; reference: T | undefined; voices: T[]; bytes: number }

export type FilePart = { kind: 'reference' } | { kind: 'voice'; index: number }
export type FileKind = FilePart['kind']

export const maxVoices = 2

type Text = { bytes: Buffer; charset: string | undefined }

/** File names that no user gave: none, and that of a browser for what is no file. */
const namesOfNoFile: ReadonlySet<string> = new Set(['', 'blob'])

/** The parts of a form seen so far, each checked against those before it. */
export class CollectedParts<T> {
  readonly #texts = new Map<ParameterName | '_charset_', Text>()
  readonly #voices: (T | undefined)[] = []
  #reference: { stored: T | undefined } | undefined

  text({ name, charset }: PartHead, bytes: Buffer, isCut: boolean): void {
    const part = partOf(name)
    switch (part.kind) {
      case 'reference':
      case 'voice':
        // A file input of an HTML form that was left empty.
        if (bytes.toString('latin1').trim() === '') return
        throw textForFile(part.kind === 'voice' ? 'audio' : 'input_reference')
      case 'unknown':
        throw unknownParameter(name)
      case 'ignored':
        return
      case 'charset':
      case 'parameter': {
        const key = part.kind === 'charset' ? '_charset_' : part.name
        if (isCut) throw new Problem('too_large', `'${key}' is too long`, { param: key })
        if (this.#texts.has(key)) {
          throw new Problem('invalid_parameter', `'${key}' is there more than once`, { param: key })
        }
        this.#texts.set(key, { bytes, charset })
      }
    }
  }

  /** Throws a Problem for a file where none may be, before any of it is read. */
  kindOfFile({ name }: PartHead): FileKind | 'ignored' {
    const { kind } = partOf(name)
    switch (kind) {
      case 'charset':
      case 'parameter':
        throw new Problem('invalid_parameter', `'${name}' is text, not a file`, { param: name })
      case 'unknown':
        throw unknownParameter(name)
      case 'reference':
      case 'voice':
      case 'ignored':
        return kind
    }
  }

  /** The part that a file is stored as; undefined for a file input that was left empty, which counts as not given. */
  file(kind: FileKind, { fileName }: PartHead, isEmpty: boolean): FilePart | undefined {
    if (isEmpty && namesOfNoFile.has(fileName)) return undefined
    if (kind === 'reference') {
      if (this.#reference) {
        throw new Problem('invalid_parameter', 'only one input_reference is possible', { param: 'input_reference' })
      }
      this.#reference = { stored: undefined }
      return { kind }
    }
    if (this.#voices.length === maxVoices) {
      throw new Problem('invalid_parameter', `at most ${maxVoices} audio files are possible`, { param: 'audio' })
    }
    return { kind, index: this.#voices.push(undefined) - 1 }
  }

  stored(part: FilePart, stored: T): void {
    if (part.kind === 'reference') this.#reference = { stored }
    else this.#voices[part.index] = stored
  }

  /** Throws a Problem for text that cannot be read. */
  form(): Omit<Form<T>, 'bytes'> {
    const texts = new Map<ParameterName, string>()
    const own = this.#texts.get('_charset_')
    const usual = own && (decodeText(own.bytes, own.charset, '_charset_').trim().toLowerCase() || undefined)
    for (const [name, { bytes, charset = usual }] of this.#texts) {
      if (name !== '_charset_') texts.set(name, decodeText(bytes, charset, name))
    }
    const voices = this.#voices.filter((voice) => voice !== undefined)
    return { texts, reference: this.#reference?.stored, voices }
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
