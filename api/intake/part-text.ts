import { TextDecoder } from 'node:util'
import { Problem } from '../http/problems.js'

/** What text of a form may not hold: NUL and all below a blank, but for tab and line ends. */
const control = /[\0-\x08\x0b\x0c\x0e-\x1f]/

/**
 * The text of a part, in the charset that its head names, else UTF-8. Nothing is guessed and nothing replaced: what is not text in
 * that charset is a 400 that says what to do.
 */
export function decodeText(bytes: Buffer, charset: string | undefined, name: string): string {
  const decoder = decoderFor(bytes, charset)
  if (decoder === undefined) throw refusal(name, `is sent with charset=${charset}, which is not known here; send UTF-8`)
  const text = decoded(decoder, bytes)
  if (text === undefined) throw refusal(name, charset === undefined ? notUtf8(name) : `is not text in ${charset}`)
  const found = control.exec(text)
  if (found === null) return text
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  throw refusal(name, `holds the control character U+${code}; of these only tabs and line ends are possible`)
}

/** The Encoding Standard's decoders, by its labels; a byte order mark is no part of the text. */
function decoderFor(bytes: Buffer, charset = 'utf-8'): TextDecoder | undefined {
  // Its us-ascii is windows-1252, which would make nonsense of UTF-8 that is called ASCII.
  const label = /^(us-)?ascii$/.test(charset) ? 'utf-8' : charset
  // Its utf-16 is little-endian; Java's begins with the mark of the other order.
  const isBigEndian = label === 'utf-16' && bytes[0] === 0xfe && bytes[1] === 0xff
  try {
    const decoder = new TextDecoder(isBigEndian ? 'utf-16be' : label, { fatal: true })
    // The standard reads both alike; Node 20 takes bytes for gbk that are none.
    return decoder.encoding === 'gbk' ? new TextDecoder('gb18030', { fatal: true }) : decoder
  } catch {
    return undefined
  }
}

/** What windows-1252 has in place of the control characters from U+0080 on; Node 20 reads it as ISO 8859-1. */
const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

function decoded(decoder: TextDecoder, bytes: Buffer): string | undefined {
  try {
    const text = decoder.decode(bytes)
    if (decoder.encoding !== 'windows-1252') return text
    return text.replace(/[\x80-\x9f]/g, (byte) => windows1252[byte.charCodeAt(0) - 0x80] ?? byte)
  } catch {
    return undefined
  }
}

function notUtf8(name: string): string {
  return (
    'is not UTF-8. Name its charset in the Content-Type of the part, or send UTF-8; ' +
    `with curl on Windows: run "chcp 65001" first, or save it as UTF-8 in a file and send -F "${name}=<file"`
  )
}

function refusal(name: string, problem: string): Problem {
  return new Problem('invalid_parameter', `'${name}' ${problem}`, { param: name })
}
