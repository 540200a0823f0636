import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseStrictly } from './strict-json.js'

/** The lines of every log in a folder, by file; throws for one that is not JSON, or has a key twice. */
export function readLogs(logDir: string): Map<string, Record<string, unknown>[]> {
  const files = readdirSync(logDir).sort()
  return new Map(
    files.map((file) => {
      const lines = readFileSync(join(logDir, file), 'utf8').trim().split('\n')
      return [file, lines.filter((line) => line !== '').map(parseStrictly)]
    }),
  )
}
