// @ts-check
import { spawn } from 'node:child_process'
import { findSetpriv } from './setpriv.mjs'

/** A command of set-up that failed, with the end of what it said. */
export class CommandFailed extends Error {
  /** @param {string} command @param {string} why @param {string} output */
  constructor(command, why, output) {
    super(`${command}: ${why}\n${output}`)
  }
}

/**
 * Runs a command to its end, or to ours where the system can see to that; `say` gets each line of its output.
 * @param {string} command
 * @param {string[]} args
 * @param {{ say?: (line: string) => void, env?: Record<string, string>, cwd?: string }} [options]
 */
export async function runCommand(command, args, { say, env = {}, cwd } = {}) {
  const line = [command, ...args].join(' ')
  await new Promise((resolve, reject) => {
    const setpriv = findSetpriv()
    const [program, ...all] = [...(setpriv ? [setpriv, '--pdeathsig', 'KILL'] : []), command, ...args]
    const child = spawn(program ?? command, all, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let tail = ''
    /** @param {string} text */
    const take = (text) => {
      tail = (tail + text).slice(-2000)
      for (const each of text.trim().split(/[\r\n]+/)) if (each) say?.(each)
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.once('error', (error) => reject(new CommandFailed(line, error.message, tail)))
    child.once('close', (code, signal) => {
      if (code === 0) resolve(undefined)
      else reject(new CommandFailed(line, `ended with ${signal ?? `code ${code}`}`, tail))
    })
  })
}
