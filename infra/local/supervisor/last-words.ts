import type { LogLine } from './log-line.js'

const kept = 30
const longest = 300

/** The newest output of one run of a part, to tell why it died. */
export class LastWords {
  readonly #lines: { text: string; isReason: boolean }[] = []
  #refusal: string | undefined

  hear(line: LogLine | string): void {
    const isOurs = typeof line !== 'string'
    const text = isOurs ? [line.message, line.error].filter(Boolean).join(': ') : line.trim()
    // Our programs say outright what ends them; of others' output, the words must tell.
    const isReason = (isOurs && line.level === 'fatal') || /error|fatal|panic|fail|wrong|refused/i.test(text)
    if (isOurs && line.event === 'refused') this.#refusal = text
    this.#lines.push({ text, isReason })
    if (this.#lines.length > kept) this.#lines.shift()
  }

  /** The line that most likely gives the reason: a stack trace ends with lines that do not. */
  last(): string {
    const line = this.#lines.findLast(({ isReason }) => isReason) ?? this.#lines.at(-1)
    return line === undefined ? 'It said nothing.' : `It said: ${line.text.replace(/\s+/g, ' ').slice(0, longest)}`
  }

  /** The whole of what a part said that refuses to start: somebody must read all of it. */
  refusal(): string {
    return this.#refusal ?? this.#lines.map(({ text }) => text).join('\n')
  }
}
