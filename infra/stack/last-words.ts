import type { LogLine } from './log-line.js'

const kept = 30
const longest = 300

/** The newest output of one run of a part, to tell why it died. */
export class LastWords {
  readonly #lines: string[] = []

  hear(line: LogLine | string): void {
    this.#lines.push(typeof line === 'string' ? line.trim() : [line.message, line.error].filter(Boolean).join(': '))
    if (this.#lines.length > kept) this.#lines.shift()
  }

  /** The line that most likely gives the reason: a stack trace ends with lines that do not. */
  last(): string {
    const line =
      this.#lines.findLast((text) => /error|fatal|panic|fail|wrong|refused/i.test(text)) ?? this.#lines.at(-1)
    return line === undefined ? 'It said nothing.' : `It said: ${line.replace(/\s+/g, ' ').slice(0, longest)}`
  }
}
