/** Parses a line of a log; throws where it is no JSON object, or where an object in it has a key twice. */
export function parseStrictly(line: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error(`no object: ${line}`)
  // It is valid JSON: a text before a colon is a key of the innermost object.
  const open: Set<string>[] = []
  for (const [token, key] of line.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (key !== undefined) {
      if (open.at(-1)?.has(key)) throw new Error(`the key ${key} is there twice: ${line}`)
      open.at(-1)?.add(key)
    }
  }
  return parsed as Record<string, unknown>
}
