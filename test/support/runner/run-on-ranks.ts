import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { rankEnvironment, ranksFolder } from '../../../gaudi-runner/ranks/rank-command.js'
import { parts } from '../../../infra/local/setup/parts.mjs'

/**
 * Runs a Python program on so many ranks, started as the runner does it; the last line that rank 0 prints. Rejects if one
 * of them fails, and leaves none behind.
 */
export async function runOnRanks(ranks: number, ...program: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'text2video-bench-ranks-'))
  const children = Array.from({ length: ranks }, (_, rank) => {
    const env = { ...process.env, ...rankEnvironment({ rank, ranks, folder }) }
    return spawn(parts().python, program, { cwd: ranksFolder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  })
  try {
    const ended = children.map(async (child, rank) => {
      const printed = text(child.stdout)
      const [code] = (await once(child, 'exit')) as [number | null]
      if (code !== 0) throw new Error(`rank ${rank} of ${program.join(' ')} ended with ${code}`)
      return printed
    })
    const [lead = ''] = await Promise.all(ended)
    // gloo tells on stdout whom it has met; what counts comes last.
    return lead.trim().split('\n').at(-1) ?? ''
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}
