const colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
const width = 8

/** Shows lines under a short coloured prefix that names their part. */
export type Show = (part: string, line: string) => void

/** Lines of the stack on this terminal; without colours where it is none. */
export function onTerminal(): Show {
  const seen: string[] = []
  return (part, line) => {
    if (!seen.includes(part)) seen.push(part)
    const colour = colours[seen.indexOf(part) % colours.length]
    const name = part.padEnd(width)
    console.log(process.stdout.isTTY ? `\x1b[${colour}m${name}\x1b[0m ${line}` : `${name} ${line}`)
  }
}

/** For tests and the demo, which show their own progress. */
export const showNothing: Show = () => undefined
