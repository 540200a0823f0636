/** Something stored by a newer version than this one: to be read after an upgrade, not guessed at. */
export class NewerFormat extends Error {}

/**
 * Every stored object says in which format it is: `{"format": 1, …}`, a number that grows when its shape changes. Newer code reads
 * every older one; a newer one is refused, naming both. What has no number is not of this service. Throws for what is no JSON, too.
 */
export function readStored(name: string, body: Buffer | string, known: number): unknown {
  const stored: unknown = JSON.parse(body.toString())
  const format = stored !== null && typeof stored === 'object' && 'format' in stored ? stored.format : undefined
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) throw new Error(`${name} has no format`)
  if (format > known) throw new NewerFormat(`${name} has format ${format}; this version knows formats up to ${known}`)
  return stored
}

/** An object as it is stored. */
export const writeStored = (format: number, content: object): string => JSON.stringify({ format, ...content })
