import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const limitBytes = 16 * 2 ** 20

/** The kept log of one part: appended to over restarts; at 16 MiB it becomes `<file>.1` and starts anew, so two are kept at most. */
export class LogFile implements Disposable {
  readonly path: string
  #file: number | undefined
  #bytes: number

  constructor(path: string) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true })
    this.#file = openSync(path, 'a')
    this.#bytes = statSync(path).size
  }

  line(text: string): void {
    if (this.#file === undefined) return // the last words of a part may come after it was stopped
    if (this.#bytes > limitBytes) this.#file = this.#rotate(this.#file)
    // Synchronous, so that the last words of a part are on disk even if we are killed next.
    this.#bytes += writeSync(this.#file, `${text}\n`)
  }

  #rotate(full: number): number {
    closeSync(full)
    renameSync(this.path, `${this.path}.1`)
    this.#bytes = 0
    return openSync(this.path, 'a')
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
