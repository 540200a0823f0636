/** One line of progress that is written over on a terminal; elsewhere a new line each time it says something else. */
export class ProgressLine implements Disposable {
  #shown = ''

  show(text: string): void {
    if (text === this.#shown) return
    this.#shown = text
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text.slice(0, process.stdout.columns - 1)}`)
    else console.log(text)
  }

  [Symbol.dispose](): void {
    if (process.stdout.isTTY && this.#shown !== '') process.stdout.write('\n')
  }
}
