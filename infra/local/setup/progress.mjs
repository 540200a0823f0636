// @ts-check
/** What set-up shows: a line for each part that is done, and on a terminal one live line with those at work. */

/** @type {Map<string, { since: number, latest: string }>} */
const running = new Map()
const live = process.stdout.isTTY
/** @type {NodeJS.Timeout | undefined} */
let ticking

/**
 * Runs one step and shows its name, its newest line of output and its seconds.
 * @param {string} name
 * @param {(say: (line: string) => void) => Promise<void>} work
 */
export async function showing(name, work) {
  const step = { since: Date.now(), latest: '' }
  running.set(name, step)
  if (!live) console.log(`  ${name} …`)
  // Off a terminal (CI logs) a sign of life every 20 s is enough.
  ticking ??= setInterval(draw, live ? 200 : 20_000)
  try {
    await work((line) => {
      step.latest = line
    })
    running.delete(name)
    print(`✓ ${name} (${seconds(step)} s)`)
  } catch (error) {
    running.delete(name)
    print(`✗ ${name} (${seconds(step)} s)`)
    throw error
  } finally {
    if (running.size === 0) {
      clearInterval(ticking)
      ticking = undefined
      if (live) process.stdout.write('\r\x1b[K')
    }
  }
}

/** @param {string} line */
function print(line) {
  console.log(live ? `\r\x1b[K  ${line}` : `  ${line}`)
}

function draw() {
  const steps = [...running].map(([name, step]) => `${name} ${seconds(step)} s${step.latest && `: ${step.latest}`}`)
  if (!live) return console.log(`  … ${steps.join(' · ')}`)
  process.stdout.write(`\r\x1b[K  ${steps.join(' · ').slice(0, (process.stdout.columns || 80) - 4)}`)
}

/** @param {{ since: number }} step */
function seconds(step) {
  const elapsed = (Date.now() - step.since) / 1000
  return elapsed < 10 ? elapsed.toFixed(1) : elapsed.toFixed(0)
}
