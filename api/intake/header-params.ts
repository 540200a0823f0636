/**
 * Parameters of a header behind its first `;`, by lower-case names; the first of a name counts. What is quoted wrongly or not at all
 * reaches to the next `;`, and a `;` at the end means nothing.
 */
export function headerParams(header: string): Map<string, string> {
  const params = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of header.matchAll(
    /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:;|$))|([^;]*))/g,
  )) {
    const value = quoted === undefined ? bare.trim() : quoted.replace(/\\(["\\])/g, '$1')
    if (!params.has(name.toLowerCase())) params.set(name.toLowerCase(), value)
  }
  return params
}
