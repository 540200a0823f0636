import { readFileSync } from 'node:fs'

/** The version of this service, as its package has it. */
export function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}
